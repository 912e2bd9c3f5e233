using Btx.Model.Configuration;
using Btx.Model.Serving;

namespace Btx.Bench.Mixture;

/// <summary>An exported model: what a session needs.</summary>
/// <param name="Weights">Absolute paths of the safetensors files.</param>
internal sealed record ServedModel(LlamaConfig Config, string Directory, IReadOnlyList<ServedGraph> Graphs, IReadOnlyList<string> Weights)
{
    /// <summary>Absolute path of the decode graph for k.</summary>
    public string Decode(int k) =>
        Path.Combine(Directory, Graphs.First(g => g.Form == ServedGraph.Decode && (g.ExpertsPerToken ?? k) == k).File);

    /// <summary>Whether one graph serves every k.</summary>
    public bool TakesK => Graphs.All(g => g.ExpertsPerToken is null);
}
