using Btx.Cli.Charts;
using Btx.Model.Files;

namespace Btx.Trainer.RoutingStatistics;

/// <summary>Draws a <see cref="RoutingMap"/>: a panel for each layer and one for their mean, domains down, experts across.</summary>
internal static class RoutingPicture
{
    public static void Write(string path, string title, RoutingMap map)
    {
        double[,] Panel(Func<RoutingTally, int, double> share)
        {
            var values = new double[map.Domains.Count, map.Experts.Count];
            for (var d = 0; d < map.Domains.Count; d++)
            {
                for (var e = 0; e < map.Experts.Count; e++) values[d, e] = 100 * share(map.Of(map.Domains[d]), e);
            }

            return values;
        }

        var panels = Enumerable.Range(0, map.Layers).Select(l => ($"layer {l}", Panel((tally, e) => tally.GateShare(l, e))));
        if (map.Layers > 1)
            panels = panels.Prepend(("mean of the layers",
                Panel((tally, e) => Enumerable.Range(0, map.Layers).Average(l => tally.GateShare(l, e)))));
        AtomicFile.WriteText(path, new HeatMap("routing", title, map.Domains, map.Experts, [.. panels])
        {
            Caption = "expert's share of the gates on the domain's validation text, per cent; rows add up to 100, largest of each in bold",
            Format = "F0",
            Range = (0, 100),
        }.ToSvg());
    }
}
