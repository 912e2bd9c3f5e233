"""usage: python.py ADDRESS KEYS PROTOS    drives gRPC with grpcio and prints as JSON what each feature came to:
{ client: { feature: "ok" | "failed: why" } }. KEYS is JSON: { good, spent }; PROTOS is a FileDescriptorSet; expected texts come on standard input."""
import json
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

address, key_text, protos = sys.argv[1:]
expected = json.load(sys.stdin)
keys = json.loads(key_text)
pool = descriptor_pool.DescriptorPool()
with open(protos, "rb") as file:
    for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(proto)
factory = message_factory.MessageFactory(pool)


def message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))


channel = grpc.insecure_channel(address)


def method(service, name):
    """A call of a method, made of its descriptor: what generated code would do."""
    found = pool.FindServiceByName(f"btx.v1.{service}").FindMethodByName(name)
    proto = descriptor_pb2.MethodDescriptorProto()
    found.CopyToProto(proto)
    kind = channel.unary_stream if proto.server_streaming else channel.unary_unary
    request = message(found.input_type.full_name)
    called = kind(
        f"/btx.v1.{service}/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=message(found.output_type.full_name).FromString,
    )

    def run(fields, key=keys["good"]):
        return called(json_format.ParseDict(fields, request()), metadata=[("authorization", f"Bearer {key}")], timeout=60)

    return run


describe, generate, chat = (method("Inference", name) for name in ("Describe", "Generate", "Chat"))
list_experts = method("Forest", "ListExperts")
PROMPT = {"prompt": {"text": "hi"}, "sampling": {"temperature": 0}, "max_tokens": 12}
HELLO = {"messages": [{"role": "ROLE_USER", "content": "hi"}], "sampling": {"temperature": 0}, "max_tokens": 12}
WEATHER = {"type": "object", "properties": {"unit": {"enum": ["c", "f"]}}, "required": ["unit"], "additionalProperties": False}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["n"], "additionalProperties": False}
FINISH = pool.FindEnumTypeByName("btx.v1.FinishReason").values_by_name


def text_of(parts):
    return "".join(part.text for part in parts)


def tokens_of(parts):
    return [part.token for part in parts if part.HasField("token")]


def models():
    assert [expert.name for expert in describe({}).experts] == ["alpha", "beta"]


def completion():
    assert text_of(generate(PROMPT)) == expected["completion"]


def chats():
    assert text_of(chat(HELLO)) == expected["chat"]


def stream():
    parts = list(chat({**HELLO, "include_experts": True}))
    tokens = tokens_of(parts)
    assert len(tokens) == parts[-1].usage.completion_tokens
    for token in tokens:
        assert abs(sum(expert.contribution for expert in token.experts) - 1) < 1e-6


def tools():
    offered = {"tools": [{"function": {"name": "weather", "description": "Of today.", "parameters": json.dumps(WEATHER)}}]}
    parts = list(chat({**HELLO, **offered, "tool_choice": {"mode": "TOOL_MODE_REQUIRED"}, "max_tokens": 100}))
    made = [call for part in parts for call in part.tool_calls]
    arguments = "".join(call.arguments for call in made)
    assert parts[-1].finish_reason == FINISH["FINISH_REASON_TOOL_CALLS"].number
    assert made[0].name == "weather" and json.loads(arguments)["unit"] in ("c", "f"), arguments
    asked = {"role": "ROLE_ASSISTANT", "tool_calls": [{"id": made[0].id, "function": {"name": "weather", "arguments": arguments}}]}
    result = {"role": "ROLE_TOOL", "tool_call_id": made[0].id, "content": "20"}
    assert list(chat({**HELLO, **offered, "messages": [*HELLO["messages"], asked, result]}))


def json_schema():
    held = chat({**HELLO, "max_tokens": 60, "response_format": {"json_schema": json.dumps(NUMBER)}})
    assert 0 <= json.loads(text_of(held))["n"] <= 99


def logprobs():
    tokens = tokens_of(chat({**HELLO, "top_logprobs": 3}))
    assert all(len(token.top) == 3 and token.logprob <= 0 for token in tokens)
    assert b"".join(token.bytes for token in tokens).decode(errors="replace").startswith(expected["chat"].rstrip("\ufffd"))


def n():
    # A call has one answer: several calls at once.
    answers = [chat({**HELLO, "sampling": {"temperature": 0, "seed": seed}}) for seed in (1, 2)]
    assert [text_of(answer) for answer in answers] == [expected["chat"]] * 2


def abort():
    answer, parts = chat({**HELLO, "max_tokens": 400, "ignore_eos": True}), 0
    try:
        for _ in answer:
            parts += 1
            if parts == 3:
                answer.cancel()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.CANCELLED, error
    assert 3 <= parts < 100, parts


def refused(attempt, *wanted):
    """The refusal of a call: its status, the machine's word, the field and whether there is a time to wait."""
    try:
        attempt()
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = message("google.rpc.Status").FromString(details)
        packed = {one.type_url.rsplit(".", 1)[1]: one.value for one in status.details}
        reason = message("google.rpc.ErrorInfo").FromString(packed["ErrorInfo"]).reason
        bad = message("google.rpc.BadRequest").FromString(packed.get("BadRequest", b"")).field_violations
        assert (error.code().name, reason, bad[0].field if bad else None, "RetryInfo" in packed) == wanted, status
        assert status.message == error.details()
        return
    raise AssertionError("it was not refused")


def errors():
    routing = {"mode": "MODE_EXPERT", "expert": "nobody"}
    refused(lambda: list(chat({**HELLO, "routing": routing})), "NOT_FOUND", "model_not_found", "routing.expert", False)
    refused(lambda: list(chat({**HELLO, "sampling": {"temperature": -1}})), "INVALID_ARGUMENT", "invalid_argument", "sampling.temperature", False)
    refused(lambda: list(chat({**HELLO, "messages": [{"content": "hi"}]})), "INVALID_ARGUMENT", "invalid_argument", "messages[0].role", False)
    refused(lambda: list(chat(HELLO, "sk-nonsense")), "UNAUTHENTICATED", "invalid_api_key", None, False)
    refused(lambda: list(chat(HELLO, keys["spent"])), "RESOURCE_EXHAUSTED", "rate_limit_exceeded", None, True)
    refused(lambda: list_experts({}), "PERMISSION_DENIED", "insufficient_scope", None, False)


seen = {"version": "Debian's"}  # whichever release the machine has
for feature, run in {
    "models": models, "completion": completion, "chat": chats, "stream": stream, "tools": tools, "json_schema": json_schema,
    "logprobs": logprobs, "n": n, "abort": abort, "errors": errors,
}.items():
    try:
        run()
        seen[feature] = "ok"
    except Exception:  # whatever it is, it is told
        seen[feature] = f"failed: {traceback.format_exc()}"
print(json.dumps({"grpcio (Python)": seen}))
