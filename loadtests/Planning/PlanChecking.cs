using Btx.LoadTests.Costs;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Planning;

/// <summary>Predicts what was measured: every closed-loop point from all others of its kind, every knee from the closed loop.</summary>
public static class PlanChecking
{
    // The server's own default.
    private const int DefaultSlots = 16;

    public static PlanCheck Check(MeasuredRun run)
    {
        var measured = MeasuredSettings.Group(run.Points);
        var curves = LoadCurves.Of(measured, new AnalysisOptions());
        List<CheckedPoint> points = [];
        List<CheckedKnee> knees = [];
        List<string> notes = [];
        foreach (var form in new[] { CostLine.Forest, CostLine.Mixture })
        {
            var places = StepCostFit.Places(measured, form);
            if (places.Count == 0) continue;
            foreach (var place in places)
            {
                if (StepCostFit.Of([.. places.Where(p => p != place)]) is not { } others) continue;
                var tokens = Median.Value(place.Repeats.Select(r => r.Summary.TokensPerSecond));
                points.Add(new CheckedPoint(place.Name, tokens,
                    StepCostFit.Predict(others, place, place.Settings.Concurrency!.Value).TokensPerSecond));
            }

            if (points.Count == 0)
                notes
                    .Add($"{form}: {places.Count} closed-loop point{(places.Count == 1 ? "" : "s")}; to predict one, three others with "
                        + "different k or concurrency are needed");
            if (StepCostFit.Of(places) is not { } costs) continue;
            foreach (var curve in curves.Where(c => c is { Load: "open", Knee: not null }))
            {
                // The closed-loop point of the same model tells the lengths; its slots are the server's.
                if (places.FirstOrDefault(p => p.Settings.Mode == curve.Mode && p.Settings.K == curve.K
                    && p.Settings.Precision == curve.Precision && Wording.Build(p.Settings) == Build(curve)) is not { } place)
                    continue;
                var slots = curve.Options.TryGetValue("--slots", out var text) && int.TryParse(text, out var n) && n > 0 ? n : DefaultSlots;
                knees.Add(new CheckedKnee(Wording.Model(curve.Mode, curve.K), curve.Knee!.Load, curve.Knee.Low, curve.Knee.High,
                    1 / StepCostFit.Predict(costs, place, slots).Seconds));
            }
        }

        if (points.Count == 0 && notes.Count == 0) notes.Add("no closed-loop points of top_k, ensemble or moe: nothing to check");
        return new PlanCheck { Directory = run.Directory, Points = points, Knees = knees, Notes = notes };
    }

    private static string Build(LoadCurve curve) =>
        Wording.Build(new(curve.Mode, curve.K, curve.Load, null, 1, curve.Precision, curve.Options));
}
