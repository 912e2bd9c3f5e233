using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>What the same load costs on other engines.</summary>
internal static class PeerSection
{
    private static readonly (string Title, Func<LoadSummary, double?> Of)[] Compared =
    [
        ("tokens a second", s => s.TokensPerSecond > 0 ? s.TokensPerSecond : null),
        ("time to first token, p50", s => s.TimeToFirstToken?.P50.Value),
        ("time between tokens, mean", s => s.InterToken?.Mean),
        ("end to end, p99", s => s.EndToEnd?.P99.Value),
    ];

    /// <summary>The same prompts through other programs, as ratios.</summary>
    public static Section Peers(ReportModel model)
    {
        var peers = model.Measurements.Where(m => Modes.IsPeer(m.Settings.Mode)).ToArray();
        var pairs = peers.Select(p => (Peer: p, Ours: Counterpart(model, p))).ToArray();
        var compared = pairs.Where(p => p.Ours is not null).Select(p => (p.Peer, Ours: p.Ours!)).ToArray();
        return new("peers", "Beside other programs")
        {
            Findings = compared.Length == 0 ? [] : ["Each ratio is this server over the peer, at the same load and on the same prompts: "
                + "above 1 is good for tokens a second, below 1 for times. One expert stands beside programs that run one model; the BTX "
                + "model stands beside the dense model of as many active parameters."],
            Figures = compared.Length == 0 ? [] : [Draw(model, compared)],
            Tables = [new(["peer", ""], [.. peers.SelectMany(p => p.Repeats).Where(p => p.Peer is { Length: > 0 })
                .Select(p => (p.Settings.Mode, p.Peer)).Distinct().Select(p => (string[])[p.Mode["peer:".Length..], p.Peer!])])],
            Missing = peers.Length == 0
                ? ["No peer was measured: `btx loadtest sweep --peer genai=DIR --peer llama.cpp=DIR …` measures some in the same run."]
                : [.. pairs.Where(p => p.Ours is null).Select(p => $"{p.Peer.Name} has no counterpart: the same load was not measured "
                    + $"with mode {(IsDense(p.Peer) ? "moe" : "expert")}, or no request of one of them succeeded.")],
        };
    }

    private static bool IsDense(MeasuredSettings peer) => peer.Settings.Mode.StartsWith("peer:dense", StringComparison.Ordinal);

    /// <summary>The point at the same load that a peer is compared with: one expert by name first, the same precision, k = 2.</summary>
    private static MeasuredSettings? Counterpart(ReportModel model, MeasuredSettings peer) => peer.Requests == peer.Failed ? null
        : model.Measurements.Where(m => Modes.Kind(m.Settings.Mode) == (IsDense(peer) ? "moe" : "expert") && m.Requests > m.Failed
            && (m.Settings.Load, m.Settings.Concurrency, m.Settings.Rate) == (peer.Settings.Load, peer.Settings.Concurrency,
                peer.Settings.Rate))
            .OrderBy(m => m.Settings.Mode == "expert").ThenBy(m => m.Settings.Precision != peer.Settings.Precision)
            .ThenBy(m => m.Settings.K != 2).ThenBy(m => m.Settings.K).ThenBy(m => m.Settings.Options.Count).FirstOrDefault();

    private static Figure Draw(ReportModel model, (MeasuredSettings Peer, MeasuredSettings Ours)[] pairs)
    {
        string[] rows = [.. pairs.Select(p => $"{model.Labels.Model(p.Ours.Settings)} / {p.Peer.Settings.Mode["peer:".Length..]}, "
            + PointLabels.Load(p.Peer.Settings))];
        var ratios = pairs.Select(p => Compared.Select(q => Ratio(p.Ours, p.Peer, q.Of)).ToArray()).ToArray();
        var series = Compared.Select((q, at) => new Series(q.Title, [.. ratios.Select((r, row) => (Row: row, Value: r[at]))
            .Where(p => p.Value is not null)
            .Select(p => new Datum(p.Value!.Value, p.Row, Left: p.Value.Low, Right: p.Value.High))], SeriesStyle.Of(at))
        { Joined = false });
        var chart = new Chart("peers", "This server over its peers", new Axis("ratio (logarithmic)") { Logarithmic = true },
            [new Panel(new Axis("") { Rows = rows }, [.. series])])
        {
            Marks = [new(1, "the same")],
            Caption = "Markers: median of the ratios of all pairs of repeats; bars: 95 % interval (Hodges and Lehmann).",
        };
        return Figure.Of(chart, new(["", .. Compared.Select(q => q.Title)],
            [.. rows.Select((name, row) => (string[])[name, .. ratios[row].Select(r => Amount.Of(r))])]));
    }

    private static Estimate? Ratio(MeasuredSettings ours, MeasuredSettings theirs, Func<LoadSummary, double?> of)
    {
        double[] Logarithms(MeasuredSettings m) =>
            [.. m.Repeats.Select(p => of(p.Summary)).OfType<double>().Where(v => v > 0 && double.IsFinite(v)).Select(v => Math.Log(v))];
        var (a, b) = (Logarithms(ours), Logarithms(theirs));
        if (a.Length == 0 || b.Length == 0) return null;
        var shift = HodgesLehmann.Shift(b, a);
        return new(Math.Exp(shift.Value), shift.Low is { } low ? Math.Exp(low) : null, shift.High is { } high ? Math.Exp(high) : null,
            shift.Count);
    }
}
