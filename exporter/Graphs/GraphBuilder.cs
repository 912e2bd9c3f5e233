using Google.Protobuf;
using Onnx;

namespace Btx.Exporter.Graphs;

/// <summary>
/// Writes nodes, values and initializers of one ONNX graph. A node's name is its place in the network
/// (<c>/model/layers.0/attn/q_proj/MatMul</c>), its first output that name with <c>/output_0</c>.
/// </summary>
internal sealed class GraphBuilder(string name, GraphPrecision precision, WeightPlacement placement)
{
    /// <summary>ONNX Runtime's own operator domain.</summary>
    public const string MicrosoftDomain = "com.microsoft";

    private const int IrVersion = 10;
    private const int Opset = 21;

    private readonly GraphProto graph = new() { Name = name };
    private readonly HashSet<string> initializers = new(StringComparer.Ordinal);

    /// <summary>ONNX element type of weights, activations and KV cache.</summary>
    public int ElementType { get; } = precision == GraphPrecision.Fp16 ? ElementTypes.Float16 : ElementTypes.Float;

    private int ElementBytes => precision == GraphPrecision.Fp16 ? 2 : 4;

    /// <param name="dims">A number, or the name of a dimension known at run time.</param>
    public string Input(string name, int type, params object[] dims)
    {
        graph.Input.Add(Value(name, type, dims));
        return name;
    }

    public void Output(string name, int type, params object[] dims) => graph.Output.Add(Value(name, type, dims));

    /// <summary>Adds a node with one output and returns that output's name.</summary>
    public string Node(string op, string name, string[] inputs, params AttributeProto[] attributes) =>
        Node(op, "", name, inputs, [$"{name}/output_0"], attributes)[0];

    /// <param name="outputs">Output names; an empty name leaves an optional output out.</param>
    public string[] Node(string op, string domain, string name, string[] inputs, string[] outputs, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = op, Domain = domain, Name = name };
        node.Input.Add(inputs);
        node.Output.Add(outputs);
        node.Attribute.Add(attributes);
        graph.Node.Add(node);
        return outputs;
    }

    /// <summary>A weight under its Hugging Face name, in Hugging Face's layout; its data lies where the placement says.</summary>
    public string Weight(string name, params long[] shape)
    {
        if (!initializers.Add(name)) return name;
        var bytes = shape.Aggregate((long)ElementBytes, (n, s) => checked(n * s));
        graph.Initializer.Add(External(name, placement(name, bytes), shape));
        return name;
    }

    /// <summary>A table of the graph's element type in a file beside the graph.</summary>
    public string Table(string name, string file, long offset, params long[] shape)
    {
        var bytes = shape.Aggregate((long)ElementBytes, (n, s) => checked(n * s));
        graph.Initializer.Add(External(name, new ExternalTensor(file, offset, bytes), shape));
        return name;
    }

    /// <summary>A small constant int64 vector.</summary>
    public string Constant(string name, params long[] values)
    {
        if (!initializers.Add(name)) return name;
        var tensor = new TensorProto { Name = name, DataType = ElementTypes.Int64 };
        tensor.Dims.Add(values.Length);
        tensor.Int64Data.Add(values);
        graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>y = x Wᵀ with W [outputs, inputs]: the layout of a stored linear layer, read in place.</summary>
    public string Linear(string scope, string input, string weight, long outputs, long inputs)
    {
        var name = $"{scope}/MatMul";
        return Node("FusedMatMul", MicrosoftDomain, name, [input, Weight(weight, outputs, inputs)], [$"{name}/output_0"], Int("transB", 1))[0];
    }

    public ModelProto Build()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "Btx.Exporter", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = MicrosoftDomain, Version = 1 });
        return model;
    }

    public static AttributeProto Int(string name, long value) => new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    public static AttributeProto Real(string name, float value) => new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    private TensorProto External(string name, ExternalTensor place, long[] shape)
    {
        var tensor = new TensorProto { Name = name, DataType = ElementType, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(shape);
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = place.Location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = place.Offset.ToString() });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = place.Length.ToString() });
        return tensor;
    }

    private static ValueInfoProto Value(string name, int type, object[] dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
        {
            shape.Dim.Add(dim is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim) });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = shape } } };
    }
}
