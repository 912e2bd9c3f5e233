using Google.Protobuf;
using Onnx;
using ElementType = Onnx.TensorProto.Types.DataType;

namespace Btx.Bench;

/// <summary>The smallest model that GenAI opens, for its tokenizer comes only with a model: a graph of one Cast and a configuration.</summary>
internal static class StubModel
{
    public static void Write(string directory, int vocabSize)
    {
        var cast = new NodeProto { OpType = "Cast", Input = { "input_ids" }, Output = { "logits" } };
        var type = AttributeProto.Types.AttributeType.Int;
        cast.Attribute.Add(new AttributeProto { Name = "to", Type = type, I = (int)ElementType.Float });
        var graph = new GraphProto { Name = "stub", Node = { cast } };
        graph.Input.Add(Tensor("input_ids", ElementType.Int64));
        graph.Output.Add(Tensor("logits", ElementType.Float));
        var model = new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = 17 } } };
        File.WriteAllBytes(Path.Combine(directory, "model.onnx"), model.ToByteArray());
        File.WriteAllText(Path.Combine(directory, "genai_config.json"), $$"""
            {"model": {"type": "llama", "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "vocab_size": {{vocabSize}}, "context_length": 128,
              "decoder": {"filename": "model.onnx", "hidden_size": 16, "head_size": 16, "num_attention_heads": 1, "num_key_value_heads": 1, "num_hidden_layers": 1,
                "session_options": {}, "inputs": {"input_ids": "input_ids"}, "outputs": {"logits": "logits"} } },
             "search": {"max_length": 128} }
            """);
    }

    private static ValueInfoProto Tensor(string name, ElementType type)
    {
        var shape = new TensorShapeProto();
        foreach (var dimension in new[] { "batch", "sequence" })
            shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = dimension });
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape };
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
