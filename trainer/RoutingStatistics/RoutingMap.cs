using System.Text.Json;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Trainer.RoutingStatistics;

/// <summary>Where a mixture sends each domain's validation text, by layer and expert: <c>routing.json</c>, and
/// <c>routing.svg</c> as a picture of it.</summary>
/// <param name="experts">Names by index.</param>
/// <param name="layers">L.</param>
public sealed class RoutingMap(IReadOnlyList<string> experts, int layers)
{
    public const string JsonFile = "routing.json";
    public const string PictureFile = "routing.svg";

    private readonly List<(string Domain, RoutingTally Tally)> domains = [];

    /// <summary>In the order in which they were first asked for.</summary>
    public IReadOnlyList<string> Domains => [.. domains.Select(d => d.Domain)];

    public IReadOnlyList<string> Experts => experts;

    public int Layers => layers;

    /// <summary>The sums of a domain, to add to.</summary>
    public RoutingTally Of(string domain)
    {
        var found = domains.FindIndex(d => d.Domain == domain);
        if (found >= 0) return domains[found].Tally;
        domains.Add((domain, new RoutingTally(layers, experts.Count)));
        return domains[^1].Tally;
    }

    /// <summary>Writes both files, each whole; nothing where no text was routed.</summary>
    /// <param name="name">Of the model, for the headline.</param>
    /// <param name="expertsPerToken">k.</param>
    /// <param name="alarms">Raised in training.</param>
    public void Save(string directory, string name, int expertsPerToken, IReadOnlyList<RoutingAlarm> alarms)
    {
        if (domains.Count == 0) return;
        var json = new
        {
            ExpertsPerToken = expertsPerToken,
            Experts = experts,
            Domains = domains.Select(d => new
            {
                Name = d.Domain,
                Tokens = d.Tally.Tokens(0),
                Layers = Enumerable.Range(0, layers).Select(l => new
                {
                    GateShare = Each(e => d.Tally.GateShare(l, e)),
                    Top1Share = Each(e => d.Tally.TopShare(l, e)),
                    EntropyBits = Math.Round(d.Tally.Entropy(l), 6),
                }),
            }),
            Alarms = alarms,
        };
        AtomicFile.WriteText(Path.Combine(directory, JsonFile), JsonSerializer.Serialize(json, ManifestJson.Options) + "\n");
        RoutingPicture.Write(Path.Combine(directory, PictureFile), $"Routing of {name}, k = {expertsPerToken}", this);
    }

    private double[] Each(Func<int, double> value) => [.. Enumerable.Range(0, experts.Count).Select(e => Math.Round(value(e), 6))];
}
