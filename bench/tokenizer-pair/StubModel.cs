using System.Text;

namespace Btx.Bench.Tokenizer;

/// <summary>The smallest model that GenAI opens, for its tokenizer comes only with a model: a
/// graph of one Cast and a configuration.</summary>
internal static class StubModel
{
    public static void Write(string directory, int vocabSize)
    {
        File.WriteAllBytes(Path.Combine(directory, "model.onnx"), Graph());
        File.WriteAllText(Path.Combine(directory, "genai_config.json"), $$"""
            {"model": {"type": "llama", "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "vocab_size": {{vocabSize}}, "context_length": 128,
              "decoder": {"filename": "model.onnx", "hidden_size": 16, "head_size": 16, "num_attention_heads": 1, "num_key_value_heads": 1, "num_hidden_layers": 1,
                "session_options": {}, "inputs": {"input_ids": "input_ids"}, "outputs": {"logits": "logits"} } },
             "search": {"max_length": 128} }
            """);
    }

    // ONNX is protocol buffers; field numbers from onnx.proto.
    private static byte[] Graph()
    {
        byte[] cast = [.. Bytes(1, "to"), .. Number(3, 1), .. Number(20, 2)];
        byte[] node = [.. Bytes(1, "input_ids"), .. Bytes(2, "logits"), .. Bytes(4, "Cast"), .. Bytes(5, cast)];
        byte[] graph = [.. Bytes(1, node), .. Bytes(2, "stub"), .. Bytes(11, Tensor("input_ids", 7)), .. Bytes(12, Tensor("logits", 1))];
        return [.. Number(1, 8), .. Bytes(7, graph), .. Bytes(8, Number(2, 17))];
    }

    private static byte[] Tensor(string name, int elementType)
    {
        byte[] shape = [.. Bytes(1, Bytes(2, "batch")), .. Bytes(1, Bytes(2, "sequence"))];
        byte[] tensor = [.. Number(1, elementType), .. Bytes(2, shape)];
        return [.. Bytes(1, name), .. Bytes(2, Bytes(1, tensor))];
    }

    private static byte[] Bytes(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Bytes(int field, byte[] value) => [.. Varint((field << 3) | 2), .. Varint(value.Length), .. value];

    private static byte[] Number(int field, int value) => [.. Varint(field << 3), .. Varint(value)];

    private static byte[] Varint(int value) => value < 128 ? [(byte)value] : [(byte)(value | 128), .. Varint(value >> 7)];
}
