using System.Runtime.InteropServices;
using Btx.Model.Averaging;
using Btx.Model.Configuration;
using Btx.Model.Mixing;
using Btx.Model.Tensors;

namespace Btx.Model.Moe;

/// <summary>A BTX model's weights, tensor by tensor from the members' mapped files (arXiv 2403.07816, section 3.2): the feed-forwards of
/// member i are expert i, everything else is the uniform average of the members, the routers are given.</summary>
public sealed class MoeWeights
{
    private static readonly (Func<int, string> Expert, string Dense)[] FeedForward =
    [
        (MoeConfig.GateTensor, "mlp.gate_proj.weight"),
        (MoeConfig.DownTensor, "mlp.down_proj.weight"),
        (MoeConfig.UpTensor, "mlp.up_proj.weight"),
    ];

    private readonly IReadOnlyList<Checkpoint> members;
    private readonly Checkpoint[] averaged;
    private readonly double[] shares;

    /// <param name="members">By index; one that stands several times (upcycling) counts once in the average.</param>
    public MoeWeights(IReadOnlyList<Checkpoint> members)
    {
        this.members = members;
        averaged = [.. members.Distinct()];
        shares = DomainPosterior.Uniform(averaged.Length);
    }

    /// <summary>The BTX model's configuration: the members', with their dtype if they agree on one, otherwise float32.</summary>
    public LlamaConfig Config(int expertsPerToken) => members[0].Config with
    {
        Moe = new MoeConfig(members.Count, expertsPerToken),
        TorchDtype = averaged.All(c => c.Config.TorchDtype == members[0].Config.TorchDtype) ? members[0].Config.TorchDtype : "float32",
    };

    /// <summary>Whether a tensor of a dense model belongs to a feed-forward.</summary>
    public static bool IsFeedForward(string name) => name.Contains(".mlp.", StringComparison.Ordinal);

    /// <summary>The average of a tensor that all members share, summed in fp64.</summary>
    public void Average(string name, Span<float> average)
    {
        var sum = new double[average.Length];
        for (var j = 0; j < averaged.Length; j++)
        {
            averaged[j].CopyTo(name, average);
            ParameterAverage.Accumulate(average, shares[j], sum);
        }

        ParameterAverage.Round(sum, average);
    }

    /// <summary>Writes weights and config.json into a directory.</summary>
    /// <param name="router">By layer [N·d], row-major.</param>
    public void Write(string directory, LlamaConfig config, float[][] router, Action<double> report, CancellationToken cancellation,
        long shardBytes = CheckpointWriter.ShardBytes)
    {
        var dtype = TensorDtypes.FromTorch(config.TorchDtype);
        var sources = ExpertSources(config);
        var done = 0L;
        CheckpointWriter.Write(directory, config, Fill, shardBytes);

        void Fill(string name, Span<byte> bytes)
        {
            cancellation.ThrowIfCancellationRequested();
            var values = dtype == TensorDtype.F32 ? MemoryMarshal.Cast<byte, float>(bytes) : new float[bytes.Length / dtype.Size()];
            if (sources.TryGetValue(name, out var source)) members[source.Member].CopyTo(source.Name, values);
            else if (name.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal))
                router[int.Parse(name.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture)].CopyTo(values);
            else Average(name, values);
            if (dtype != TensorDtype.F32) TensorDtypes.FromSingle(values, dtype, bytes);
            report(done += values.Length);
        }
    }

    private Dictionary<string, (int Member, string Name)> ExpertSources(LlamaConfig config)
    {
        var sources = new Dictionary<string, (int, string)>(StringComparer.Ordinal);
        for (var l = 0; l < config.NumHiddenLayers; l++)
            for (var e = 0; e < members.Count; e++)
                foreach (var (expert, dense) in FeedForward) sources[$"model.layers.{l}.{expert(e)}"] = (e, $"model.layers.{l}.{dense}");

        return sources;
    }
}
