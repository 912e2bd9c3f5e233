using System.Globalization;
using System.Text;

namespace Btx.Model.Registry;

/// <summary>The commands that retrain the descendants of removed experts from clean ancestors, which have none of what was ever removed in
/// them: a new forest of the clean experts, the descendants trained again in lineage order, then added.</summary>
/// <param name="Retrained">What is retrained, parents before children.</param>
/// <param name="Clean">The experts that may be parents.</param>
public sealed record ReplayRecipe(IReadOnlyList<string> Retrained, IReadOnlyList<string> Clean, IReadOnlyList<ReplayStep> Steps)
{
    /// <returns>Without steps if nothing descends from what is removed.</returns>
    /// <exception cref="BtxException">The corpus of a descendant, or the seed model where no clean expert is left to branch from, is
    /// neither recorded nor given; or a descendant was trained on a random part.</exception>
    public static ReplayRecipe Of(ForestState state, RemovalPlan plan, ReplaySources sources)
    {
        var lineage = Lineage.Of(state);
        var listed = state.Experts.ToDictionary(e => e.Name);
        RegisteredExpert[] retrained = [.. lineage.Descendants(plan.Requested).Where(listed.ContainsKey).Select(n => listed[n])];
        var unclean = lineage.Shares([.. plan.Requested, .. state.Absent.Where(a => a.RemovedIn is not null).Select(a => a.Name)]);
        RegisteredExpert[] clean = [.. state.Experts.Where(e => !unclean.ContainsKey(e.Name) && !retrained.Contains(e))];
        if (retrained.Length == 0) return new([], [.. clean.Select(e => e.Name)], []);

        var steps = new List<ReplayStep>();
        if (clean.Length > 0) steps.AddRange(Copy(state, clean, sources));
        var byRound = InRounds(clean, retrained, sources);
        var present = clean.ToList();
        foreach (var group in byRound ?? retrained.Select(e => (Round: 0, Experts: (IReadOnlyList<RegisteredExpert>)[e])))
        {
            var parents = group.Round > 0 ? present.Any(p => p.Round < group.Round) : present.Count > 0;
            steps.Add(Train(group.Round, group.Experts, parents, sources));
            present.AddRange(group.Experts);
        }

        var taken = state.Experts.Select(e => e.Name).Concat(state.Absent.Select(a => a.Name)).ToHashSet(StringComparer.Ordinal);
        steps.AddRange(retrained.Select(e => new ReplayStep(
            $"add the clean {e.Name} to the running server", ["./btx", "experts", "add", Path.Combine(sources.Clean, "experts", e.Name),
                "--name", Free(e.Name, taken), "--unless-served",
                "--reason", $"{e.Name} trained again without {string.Join(", ", plan.Requested)}"], TakesArguments: true)));
        return new([.. retrained.Select(e => e.Name)], [.. clean.Select(e => e.Name)], steps);
    }

    /// <summary>A bash script; stopped, it goes on when run again.</summary>
    public string ToScript()
    {
        var script = new StringBuilder("#!/usr/bin/env bash\n# Run it where ./btx is. Its arguments go to ./btx experts add: --server, "
            + "--admin-key-file.\nset -euo pipefail\n");
        foreach (var step in Steps)
        {
            script.Append("\n# ").Append(step.Title).Append('\n');
            if (step.Input is null) script.AppendJoin(' ', step.Command.Select(Quote)).Append(step.TakesArguments ? " \"$@\"\n" : "\n");
            else
                script.Append("test -e ").Append(Quote(step.Output!)).Append(" || { cat > ").Append(Quote(step.Output! + ".part"))
                    .Append(" && mv ").Append(Quote(step.Output! + ".part")).Append(' ').Append(Quote(step.Output!))
                    .Append("; } <<'END_OF_FOREST'\n").Append(step.Input).Append("\nEND_OF_FOREST\n");
        }

        return script.ToString();
    }

    public byte[] ToJson() => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Options);

    private static IEnumerable<ReplayStep> Copy(ForestState state, RegisteredExpert[] clean, ReplaySources sources)
    {
        var names = clean.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var entries = clean.Select(e =>
        {
            var source = sources.Manifest.Experts.FirstOrDefault(s => s.Name == e.Name && e.Root != ExpertRoot.External);
            return (Directory: source is null ? e.Path : Path.Combine(sources.Forest, source.Path), Entry: (ExpertEntry)e with
            {
                Path = $"experts/{e.Name}",
                Sha256 = source?.Sha256 ?? e.Sha256,
                Status = ExpertStatus.Ready,
                Prior = ForestState.Restrict(e.Prior, names.Contains),
            });
        }).ToList();
        yield return new("a new forest of the clean experts", ["mkdir", "-p", Path.Combine(sources.Clean, "experts")]);
        foreach (var (directory, entry) in entries)
            yield return new($"copy {entry.Name}", ["cp", "-RLT", directory, Path.Combine(sources.Clean, "experts", entry.Name)]);
        var manifest = new ForestManifest
        { Architecture = state.Architecture, Tokenizer = state.Tokenizer, Experts = [.. entries.Select(e => e.Entry)] };
        yield return new("its manifest", [], Encoding.UTF8.GetString(manifest.ToJson()),
            Path.Combine(sources.Clean, ForestManifest.FileName));
    }

    // The trainer's rounds, if it would give every expert its old name; null: they are trained one by one.
    private static List<(int Round, IReadOnlyList<RegisteredExpert> Experts)>? InRounds(RegisteredExpert[] clean,
        RegisteredExpert[] retrained, ReplaySources sources)
    {
        var rounds = retrained.GroupBy(e => e.Round).OrderBy(g => g.Key).ToList();
        var present = clean.ToList();
        foreach (var round in rounds)
        {
            if (round.Key < 1 || round.Select(e => Flags(e, sources)).Distinct().Count() > 1
                || round.Select(e => e.Domain).Distinct().Count() < round.Count())
                return null;
            foreach (var e in round)
            {
                var taken = present.Any(p => p.Name == e.Domain && p.Round != e.Round);
                if (e.Name != (taken ? $"{e.Domain}-r{e.Round}" : e.Domain)) return null;
            }

            present.AddRange(round);
        }

        return [.. rounds.Select(g => (g.Key, (IReadOnlyList<RegisteredExpert>)[.. g]))];
    }

    private static string Flags(RegisteredExpert e, ReplaySources sources) =>
        string.Join(' ', sources.Recorded.TryGetValue(e.Name, out var r)
            ? r.Flags.Select(f => $"{f.Key} {f.Value}").Append(r.Shards).Append(sources.Corpus ?? r.Corpus) : [$"{e.Tokens}"]);

    private static ReplayStep Train(int round, IReadOnlyList<RegisteredExpert> experts, bool parents, ReplaySources sources)
    {
        var first = experts[0];
        var recorded = sources.Recorded.GetValueOrDefault(first.Name);
        foreach (var e in experts)
            if (sources.Recorded.GetValueOrDefault(e.Name) is { } r && !r.Domains.SequenceEqual([e.Domain]))
                throw new BtxException(ErrorKind.Precondition, $"expert \"{e.Name}\" was trained on a random part of the text "
                    + $"({string.Join(", ", r.Domains)}), which cannot be done for one expert; train its forest again with --random-split");
        var corpus = sources.Corpus ?? recorded?.Corpus
            ?? throw new BtxException(ErrorKind.Precondition, $"{sources.Forest}: no record of how expert \"{first.Name}\" was trained "
                + "(runs/*/round.json); name its text with --corpus DIR");
        List<string> command = ["./btx", "train", round > 0 ? "round" : "expert", "--forest", sources.Clean, "--corpus", corpus];
        if (recorded?.Shards is { } shards && sources.Corpus is null) command.AddRange(["--shards", shards]);
        command.AddRange(round > 0 ? ["--round", round.ToString(CultureInfo.InvariantCulture), "--domains",
            string.Join(',', experts.Select(e => e.Domain))] : ["--domain", first.Domain, "--name", first.Name]);
        if (!parents)
        {
            var seed = sources.Seed ?? sources.Recorded.Values.Select(r => r.SeedModel).FirstOrDefault(m => m is not null)
                ?? throw new BtxException(ErrorKind.Precondition, $"no clean expert is left to branch \"{first.Name}\" from, and no seed "
                    + "model is recorded; name it with --seed DIR");
            command.AddRange([round > 0 ? "--seed" : "--from", seed]);
        }

        foreach (var (flag, value) in recorded?.Flags ?? [new("--tokens", first.Tokens.ToString(CultureInfo.InvariantCulture))])
            command.AddRange([flag, value]);
        return new($"train {string.Join(", ", experts.Select(e => e.Name))} again from {(parents ? "clean experts" : "the seed")}",
            command);
    }

    private static string Free(string name, HashSet<string> taken)
    {
        for (var n = 1; ; n++)
        {
            var suffix = n == 1 ? "-clean" : $"-clean{n}";
            var free = name[..Math.Min(name.Length, 64 - suffix.Length)] + suffix;
            if (taken.Add(free)) return free;
        }
    }

    private static string Quote(string argument) =>
        argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./,:=+@%".Contains(c, StringComparison.Ordinal))
        ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}

/// <param name="Input">Text that goes to <paramref name="Output"/>, unless that is there; null: run the command.</param>
/// <param name="Output">File that <paramref name="Input"/> is written to.</param>
/// <param name="TakesArguments">Whether what the script is called with goes to this command too.</param>
public sealed record ReplayStep(string Title, IReadOnlyList<string> Command, string? Input = null, string? Output = null,
    bool TakesArguments = false);

/// <summary>Where a <see cref="ReplayRecipe"/> finds models and text.</summary>
/// <param name="Clean">New forest directory that the recipe makes.</param>
/// <param name="Corpus">Corpus directory; null: the recorded one of each expert.</param>
/// <param name="Seed">Directory of the seed model; null: the recorded one.</param>
public sealed record ReplaySources(string Forest, ForestManifest Manifest, string Clean, string? Corpus, string? Seed,
    IReadOnlyDictionary<string, RecordedTraining> Recorded);
