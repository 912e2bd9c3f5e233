using static TorchSharp.torch;

namespace TorchSharp.Modules;

public abstract class OptimizerOptions
{
    public double? LearningRate;
    public double? InitialLearningRate;

    public abstract void LoadStateDict(BinaryReader reader);

    public abstract void SaveStateDict(BinaryWriter writer);
}

public abstract class OptimizerState
{
    public abstract void LoadStateDict(BinaryReader reader);

    public abstract void SaveStateDict(BinaryWriter writer);
}

/// <summary>Parameters that share their options.</summary>
public abstract class ParamGroup(IEnumerable<Parameter> parameters, OptimizerOptions options) : optim.ILearningRateController
{
    public IEnumerable<Parameter> Parameters { get; } = parameters as IList<Parameter> ?? [.. parameters];

    public OptimizerOptions Options { get; } = options;

    public double LearningRate
    {
        get => Options.LearningRate!.Value;
        set => Options.LearningRate = value;
    }

    public double InitialLearningRate
    {
        get => Options.InitialLearningRate!.Value;
        set => Options.InitialLearningRate = value;
    }
}

/// <summary>Options and per-parameter state, in the order of the groups and their parameters.</summary>
public sealed class StateDictionary
{
    internal StateDictionary(List<OptimizerOptions> options, List<OptimizerState> state) => (Options, State) = (options, state);

    public List<OptimizerOptions> Options { get; }

    public List<OptimizerState> State { get; }
}

public abstract class OptimizerHelper : optim.Optimizer
{
    private protected readonly List<ParamGroup> groups = [];
    private protected readonly Dictionary<nint, OptimizerState> state = [];

    public override IEnumerable<optim.ILearningRateController> ParamGroups => groups;

    public override IEnumerable<Parameter> parameters() => groups.SelectMany(g => g.Parameters);

    public override void zero_grad(bool set_to_none = true)
    {
        foreach (var p in parameters())
        {
            using var gradient = p.grad;
            if (gradient is null) continue;
            if (set_to_none) p.grad = null;
            else gradient.zero_().Dispose();
        }
    }

    public StateDictionary state_dict() => new([.. groups.Select(g => g.Options)], [.. parameters().Select(p => state[p.Handle])]);

    /// <summary>Writes options and state to a file.</summary>
    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void save_state_dict(BinaryWriter writer)
    {
        var dictionary = state_dict();
        writer.Write(GetType().Name);
        writer.Write7BitEncodedInt(dictionary.Options.Count);
        writer.Write7BitEncodedInt(dictionary.State.Count);
        foreach (var o in dictionary.Options) o.SaveStateDict(writer);
        foreach (var s in dictionary.State) s.SaveStateDict(writer);
    }

    /// <summary>Reads what <see cref="save_state_dict(string)"/> wrote for the same parameters.</summary>
    /// <exception cref="InvalidDataException">The file belongs to another optimiser.</exception>
    /// <exception cref="ArgumentException">Another number of groups or parameters.</exception>
    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    public void load_state_dict(BinaryReader reader)
    {
        var name = reader.ReadString();
        if (name != GetType().Name) throw new InvalidDataException($"Mismatched optimizer type: expected '{GetType().Name}', but found '{name}' in the loaded stream.");
        var dictionary = state_dict();
        if (reader.Read7BitEncodedInt() != dictionary.Options.Count) throw new ArgumentException("Invalid optimizer state -- different number of parameter groups.");
        if (reader.Read7BitEncodedInt() != dictionary.State.Count) throw new ArgumentException("Invalid optimizer state -- different number of states.");
        foreach (var o in dictionary.Options) o.LoadStateDict(reader);
        foreach (var s in dictionary.State) s.LoadStateDict(reader);
    }

    // An element type, a shape and the raw elements.
    private protected static void WriteTensor(BinaryWriter writer, Tensor tensor)
    {
        using var cpu = tensor.detach().cpu(disposeAfter: true);
        writer.Write7BitEncodedInt((int)cpu.dtype);
        writer.Write7BitEncodedInt((int)cpu.ndim);
        foreach (var length in cpu.shape) writer.Write7BitEncodedInt64(length);
        writer.Write(cpu.bytes);
    }

    private protected static void ReadTensor(BinaryReader reader, Tensor tensor)
    {
        var type = (ScalarType)reader.Read7BitEncodedInt();
        var shape = new long[reader.Read7BitEncodedInt()];
        for (var i = 0; i < shape.Length; i++) shape[i] = reader.Read7BitEncodedInt64();
        if (type != tensor.dtype || !shape.SequenceEqual(tensor.shape))
            throw new ArgumentException($"Mismatched tensor while loading: [{string.Join(", ", shape)}] of {type} where {tensor} is expected");
        using var cpu = empty(shape, type);
        reader.BaseStream.ReadExactly(cpu.bytes);
        using var mode = no_grad();
        tensor.copy_(cpu).Dispose();
    }
}
