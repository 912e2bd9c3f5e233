using Btx.Engine;
using Btx.Engine.Forests;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Tensors;

namespace Btx.Forest;

/// <summary>
/// Compares the files that weights were copied from with what they were. What is served comes from the copies and stays right; but a
/// forest whose
/// files are others would not start again, and its records would be of weights that are nowhere. So such an expert gets no traffic until
/// they are back.
/// </summary>
internal sealed class FileWatch(RegistryGround ground)
{
    private readonly Dictionary<PrivateCopy, FileStat> accepted = []; // touched, and found equal

    /// <summary>Takes out of the running forest what has changed on disk. Requests under way go on to their end.</summary>
    /// <exception cref="BtxException">The next forest cannot be made.</exception>
    /// <exception cref="RequestRejectedException">The server is shutting down.</exception>
    public async Task LookAsync(CancellationToken cancellation)
    {
        ground.Damaged.Sweep();
        var present = ground.Engine.Current;
        var (experts, mixture) = await BuildThread.RunAsync(() => Faults(present, cancellation)).ConfigureAwait(false);
        if (experts.Count == 0 && mixture is null) return;
        await QuarantineAsync(ground, experts, mixture, cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes experts out of the running forest whose files are at fault, and the BTX model.</summary>
    /// <param name="experts">Why, by name.</param>
    /// <param name="mixture">Why; null: it stays.</param>
    /// <exception cref="BtxException">The next forest cannot be made.</exception>
    public static async Task QuarantineAsync(RegistryGround ground, IReadOnlyDictionary<string, string> experts, string? mixture,
        CancellationToken cancellation)
    {
        ground.Damaged.Hold(ground.Engine.Current, experts.Keys);
        var next = await ground.Engine.PrepareAsync(new ForestChange { Damage = new(experts, mixture) },
            cancellation).ConfigureAwait(false);
        _ = ground.Engine.SwapAsync(next, InFlightPolicy.Drain);
        _ = await ground.Engine.InspectAsync().ConfigureAwait(false); // commands are taken in order: the swap is done
        foreach (var (name, why) in experts) ground.Options.Report?.Invoke($"expert \"{name}\" is quarantined: {why}");
        if (mixture is not null) ground.Options.Report?.Invoke($"the BTX model is not served any more: {mixture}");
    }

    private (Dictionary<string, string> Experts, string? Mixture) Faults(ForestSnapshot present, CancellationToken cancellation)
    {
        var served = present.Models.SelectMany(m => m.Copies).ToHashSet();
        foreach (var gone in accepted.Keys.Where(c => !served.Contains(c)).ToList()) accepted.Remove(gone);
        var experts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var expert in present.Experts)
        {
            if (Fault(expert.Model, cancellation) is { } fault)
                experts[expert.Name] = $"{fault} since it was opened; bring the file back and start the server again, or remove the expert";
        }

        return (experts, present.Mixture is { } mixture && Fault(mixture.Model, cancellation) is { } why
            ? $"{why} since it was opened; bring the file back and start the server again" : null);
    }

    private string? Fault(ServedModel model, CancellationToken cancellation) =>
        model.Copies.Select(c => Fault(c, cancellation)).FirstOrDefault(f => f is not null);

    private string? Fault(PrivateCopy copy, CancellationToken cancellation)
    {
        try
        {
            return Difference(copy, cancellation);
        }
        catch (BtxException e)
        {
            // A device that fails for a moment says nothing of the file; what is served does not depend on it.
            ground.Options.Report?.Invoke($"{BtxException.OneLine(e.Message)}; the file could not be compared and is tried again");
            return null;
        }
    }

    private string? Difference(PrivateCopy copy, CancellationToken cancellation)
    {
        if (FileStat.Of(copy.Path) is not { } now) return $"{copy.Path} was deleted or moved";
        if (now == copy.Stat || (accepted.TryGetValue(copy, out var seen) && now == seen)) return null;
        if (now.Kind != FileKind.File) return $"{copy.Path} {now.Fault ?? "became a directory"}";
        if (now.Length != copy.Stat.Length) return $"{copy.Path} has {now.Length} bytes instead of {copy.Stat.Length}";
        if (CheckpointFiles.HashFiles([copy.Path], cancellation) != CheckpointFiles.HashCopies([copy], cancellation))
            return $"{copy.Path} has other content (SHA-256 differs)";
        accepted[copy] = now;
        return null;
    }
}
