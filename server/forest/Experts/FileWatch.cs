namespace Btx.Forest;

/// <summary>Compares the files of weights with what they were when copied: an expert whose files changed gets no traffic.</summary>
internal sealed class FileWatch(RegistryResources resources)
{
    private readonly Dictionary<PrivateCopy, FileStat> accepted = []; // touched, and found equal

    /// <summary>Takes out of the running forest what has changed on disk. Requests under way go on to their end.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        resources.Damaged.Sweep();
        var present = resources.Engine.Current;
        var (experts, moe) = await BuildThread.RunAsync(() => Problems(present, cancellation));
        if (experts.Count == 0 && moe is null) return;
        await QuarantineAsync(resources, experts, moe, cancellation);
    }

    /// <summary>Takes experts out of the running forest whose files are at fault, and the BTX model.</summary>
    /// <param name="experts">Why, by name.</param>
    /// <param name="moe">Why; null: it stays.</param>
    public static async Task QuarantineAsync(RegistryResources resources, IReadOnlyDictionary<string, string> experts, string? moe,
        CancellationToken cancellation)
    {
        resources.Damaged.Hold(resources.Engine.Current, experts.Keys);
        var told = experts.ToDictionary(e => e.Key, e => BtxException.WithoutDirectories(e.Value), StringComparer.Ordinal); // to any client
        var damage = new ForestDamage(told, moe is null ? null : BtxException.WithoutDirectories(moe));
        var next = await resources.Engine.PrepareAsync(new ForestChange { Damage = damage }, cancellation);
        _ = resources.Engine.SwapAsync(next, InFlightPolicy.Drain);
        _ = await resources.Engine.InspectAsync(); // commands are taken in order: the swap is done
        foreach (var (name, why) in experts) resources.Report($"expert \"{name}\" is quarantined: {why}");
        if (moe is not null) resources.Report($"the BTX model is not served any more: {moe}");
    }

    private (Dictionary<string, string> Experts, string? Moe) Problems(ForestSnapshot present, CancellationToken cancellation)
    {
        var served = present.Models.SelectMany(m => m.Copies).ToHashSet();
        foreach (var gone in accepted.Keys.Where(c => !served.Contains(c)).ToList()) accepted.Remove(gone);
        var experts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var expert in present.Experts)
            if (Problem(expert.Model, cancellation) is { } problem)
                experts[expert.Name] = $"{problem} since it was opened; bring the file back and start the server again, or remove "
                    + "the expert";
        return (experts, present.Moe is { } moe && Problem(moe.Model, cancellation) is { } why
            ? $"{why} since it was opened; bring the file back and start the server again" : null);
    }

    private string? Problem(ServedModel model, CancellationToken cancellation) =>
        model.Copies.Select(c => Problem(c, cancellation)).FirstOrDefault(f => f is not null);

    private string? Problem(PrivateCopy copy, CancellationToken cancellation)
    {
        try
        {
            var now = FileStat.Of(copy.Path);
            if (accepted.TryGetValue(copy, out var seen) && now == seen) return null;
            var difference = Difference(copy, cancellation);
            if (difference is null && now != copy.Stat) accepted[copy] = now!.Value;
            return difference;
        }
        catch (BtxException e)
        {
            // A device that fails for a moment says nothing of the file; what is served does not depend on it.
            resources.Report($"{BtxException.OneLine(e.Message)}; the file could not be compared and is tried again");
            return null;
        }
    }

    /// <summary>How the file that a copy was made of differs from it, to be followed by "since it was opened"; null: it does not.</summary>
    public static string? Difference(PrivateCopy copy, CancellationToken cancellation)
    {
        if (FileStat.Of(copy.Path) is not { } now) return $"{copy.Path} was deleted or moved";
        if (now == copy.Stat) return null;
        if (now.Kind != FileKind.File) return $"{copy.Path} {now.Problem ?? "became a directory"}";
        if (now.Length != copy.Stat.Length) return $"{copy.Path} has {now.Length} bytes instead of {copy.Stat.Length}";
        return CheckpointFiles.HashFiles([copy.Path], cancellation) == CheckpointFiles.HashCopies([copy], cancellation) ? null
            : $"{copy.Path} has other content (SHA-256 differs)";
    }
}

/// <summary>The files of an expert as they were when read, to see before a commit whether they lie there still.</summary>
internal sealed class ExpertFiles
{
    private static readonly string[] Others = [LlamaConfig.FileName, "tokenizer.json", "tokenizer_config.json", CheckpointFiles.IndexFile];
    private readonly List<(string Path, FileStat? Stat)> marks;

    public ExpertFiles(string directory) => marks = [.. Others.Select(f => Path.Combine(directory, f)).Select(f => (f, FileStat.Of(f)))];

    public void Add(Checkpoint checkpoint) => marks.AddRange(checkpoint.Files.Select(f => (f.Path, (FileStat?)f.Copy!.Stat)));

    public void RequireUntouched()
    {
        foreach (var (path, stat) in marks)
        {
            if (FileStat.Of(path) != stat)
                throw new BtxException(ErrorKind.Precondition, $"{path}: changed while the expert was being added; add it again when "
                    + "nothing writes there");
        }
    }
}
