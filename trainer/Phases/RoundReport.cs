using System.Text.Json;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Trainer.Checkpoints;

namespace Btx.Trainer.Phases;

/// <summary>The figures of a round as JSON.</summary>
internal static class RoundReport
{
    public static void Write(string path, RoundResult result) =>
        AtomicFile.WriteText(path, JsonSerializer.Serialize(
            new
            {
                round = result.Plan.Round,
                options = result.Plan.Options,
                experts = result.Plan.Experts.ToDictionary(e => e.Name, e => new
                {
                    parents = e.Parents.Select(p => new { p.Name, p.Weight }),
                    run = RunRecord.Load(Path.Combine(result.Directory, e.Name)),
                    error = result.Failures.GetValueOrDefault(e.Name),
                }),
            },
            ManifestJson.Options) + "\n");
}

/// <summary>How a round ended.</summary>
/// <param name="Directory">Of the plan and its runs.</param>
/// <param name="AlreadyFinished">An earlier call had finished it.</param>
/// <param name="Failures">Reason by expert; empty: all are trained and merged.</param>
public sealed record RoundResult(RoundPlan Plan, string Directory, bool AlreadyFinished, IReadOnlyDictionary<string, string> Failures);
