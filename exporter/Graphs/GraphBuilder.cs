using Google.Protobuf;
using Onnx;

namespace Btx.Exporter;

/// <summary>Writes nodes, values and initializers of one ONNX graph. A node's name is its place in the network
/// (<c>/model/layers.0/attn/q_proj/MatMul</c>), its first output that name with <c>/output_0</c>.</summary>
internal sealed class GraphBuilder
{
    /// <summary>ONNX Runtime's own operator domain.</summary>
    public const string MicrosoftDomain = "com.microsoft";

    private const int IrVersion = 10;
    private const int Opset = 21;

    private readonly GraphProto graph;
    private readonly GraphBuilder root; // holds the initializers; branches see them from inside
    private readonly WeightPlacement placement;
    private readonly HashSet<string> initializers = new(StringComparer.Ordinal);

    public GraphBuilder(string name, GraphPrecision precision, WeightPlacement placement)
    {
        (graph, root, this.placement) = (new GraphProto { Name = name }, this, placement);
        ElementType = precision switch
        {
            GraphPrecision.Fp16 => ElementTypes.Float16,
            GraphPrecision.Bf16 => ElementTypes.BFloat16,
            _ => ElementTypes.Float,
        };
    }

    private GraphBuilder(GraphBuilder outer, string name) =>
        (graph, root, placement, ElementType) = (new GraphProto { Name = name }, outer.root, outer.placement, outer.ElementType);

    /// <summary>ONNX element type of weights, activations and KV cache.</summary>
    public int ElementType { get; }

    private int ElementBytes => ElementType == ElementTypes.Float ? 4 : 2;

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

    /// <summary>Runs one of two branches. A branch sees every value of the graph around it, and its
    /// weights are initializers of that graph.</summary>
    /// <param name="condition">bool, one element.</param>
    /// <param name="then">Adds nodes to the branch and returns the name of its result.</param>
    /// <param name="type">Of the result.</param>
    /// <param name="dims">Shape of the result.</param>
    public string If(string name, string condition, Func<GraphBuilder, string> then, Func<GraphBuilder, string> otherwise, int type,
        params object[] dims)
    {
        AttributeProto Branch(string attribute, Func<GraphBuilder, string> add)
        {
            var branch = new GraphBuilder(this, $"{name}/{attribute}");
            branch.Output(add(branch), type, dims);
            return new AttributeProto { Name = attribute, G = branch.graph, Type = AttributeProto.Types.AttributeType.Graph };
        }

        return Node("If", name, [condition], Branch("then_branch", then), Branch("else_branch", otherwise));
    }

    /// <summary>Repeats a part of the graph, which sees every value around it, and carries one value from turn to turn.</summary>
    /// <param name="turns">int64, one element.</param>
    /// <param name="initial">The value before the first turn.</param>
    /// <param name="body">From the turn's number, int64, and the value to the next value.</param>
    /// <param name="type">Of the value.</param>
    /// <param name="dims">Its shape, which may grow.</param>
    public string Loop(string scope, string turns, string initial, Func<GraphBuilder, string, string, string> body, int type,
        params object[] dims)
    {
        var inside = new GraphBuilder(this, $"{scope}/body");
        var turn = inside.Input($"{scope}/turn", ElementTypes.Int64);
        var goesOn = inside.Input($"{scope}/goes_on", ElementTypes.Bool);
        var value = inside.Input($"{scope}/value", type, dims);
        var next = body(inside, turn, value);
        inside.Output(inside.Node("Identity", $"{scope}/goes_on/Identity", [goesOn]), ElementTypes.Bool);
        inside.Output(next, type, dims);
        return Node("Loop", $"{scope}/Loop", [turns, "", initial],
            new AttributeProto { Name = "body", G = inside.graph, Type = AttributeProto.Types.AttributeType.Graph });
    }

    /// <summary>A weight under its Hugging Face name, in Hugging Face's layout; its data lies where the placement says.</summary>
    public string Weight(string name, params long[] shape) => Stored(name, ElementType, ElementBytes, shape);

    /// <summary>A table of the graph's element type in a file beside the graph.</summary>
    public string Table(string name, string file, long offset, params long[] shape)
    {
        var bytes = shape.Aggregate((long)ElementBytes, (n, s) => checked(n * s));
        root.graph.Initializer.Add(External(name, ElementType, new ExternalTensor(file, offset, bytes), shape));
        return name;
    }

    /// <summary>A small constant int64 vector.</summary>
    public string Constant(string name, params long[] values)
    {
        if (!root.initializers.Add(name)) return name;
        var tensor = new TensorProto { Name = name, DataType = ElementTypes.Int64 };
        tensor.Dims.Add(values.Length);
        tensor.Int64Data.Add(values);
        root.graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>A constant fp32 vector without elements.</summary>
    public string Nothing(string name)
    {
        var tensor = new TensorProto { Name = name, DataType = ElementTypes.Float };
        tensor.Dims.Add(0);
        root.graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>A constant fp32 scalar.</summary>
    public string Scalar(string name, float value)
    {
        if (!root.initializers.Add(name)) return name;
        var tensor = new TensorProto { Name = name, DataType = ElementTypes.Float };
        tensor.FloatData.Add(value);
        root.graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>y = x Wᵀ with W [outputs, inputs]: the layout of a stored linear layer, read in place.</summary>
    /// <param name="bits">Of a weight in blocks along the inputs, see <see cref="BlockLayout"/>; activations are rounded to 8 bits. Null:
    /// it is not stored so.</param>
    public string Linear(string scope, string input, string weight, long outputs, long inputs, int? bits = null)
    {
        if (bits is { } b) return BlockLinear(scope, input, weight, outputs, inputs, b);
        var name = $"{scope}/MatMul";
        return Node("FusedMatMul", MicrosoftDomain, name, [input, Weight(weight, outputs, inputs)], [$"{name}/output_0"],
            Int("transB", 1))[0];
    }

    private string BlockLinear(string scope, string input, string weight, long outputs, long inputs, int bits)
    {
        var layout = new BlockLayout(outputs, inputs, bits);
        var name = $"{scope}/MatMulNBits";
        string[] parts =
        [
            input,
            Stored(BlockLayout.Codes(weight), ElementTypes.UInt8, 1, layout.CodesShape),
            Stored(BlockLayout.Scales(weight), ElementTypes.Float, 4, layout.ScalesShape),
        ];
        return Node("MatMulNBits", MicrosoftDomain, name, parts, [$"{name}/output_0"],
            Int("K", inputs), Int("N", outputs), Int("bits", bits), Int("block_size", BlockLayout.BlockSize), Int("accuracy_level", 4))[0];
    }

    public ModelProto Build()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "Btx.Exporter", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = MicrosoftDomain, Version = 1 });
        return model;
    }

    public static AttributeProto Int(string name, long value) =>
        new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    public static AttributeProto Real(string name, float value) =>
        new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    public static AttributeProto Text(string name, string value) =>
        new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    private string Stored(string name, int type, int elementBytes, long[] shape)
    {
        if (!root.initializers.Add(name)) return name;
        var bytes = shape.Aggregate((long)elementBytes, (n, s) => checked(n * s));
        root.graph.Initializer.Add(External(name, type, placement(name, bytes), shape));
        return name;
    }

    private static TensorProto External(string name, int type, ExternalTensor place, long[] shape)
    {
        var tensor = new TensorProto { Name = name, DataType = type, DataLocation = TensorProto.Types.DataLocation.External };
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
            shape.Dim.Add(dim is string symbol ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim) });

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = shape } }
        };
    }
}
