namespace Btx.Forest;

/// <summary>Re-mixes a served BTX model (Branch-Train-MiX, arXiv 2403.07816, section 3.2): shared weights are averaged over who stays,
/// router rows fitted to the statistics kept of each domain; then the exporter makes graphs in the present one's precision and form. The
/// Mixtral checkpoint lies in <c>model/</c> of the served directory.</summary>
/// <param name="exporter">Path of the exporter's program; null: as BTX_EXPORTER says, else beside the server.</param>
public sealed class MoeRemix(EngineOptions options, string? exporter = null) : IMoeRemix
{
    private const string Checkpoint = "model";
    private const string Export = "served";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private string Forest => options.Directory ?? throw new BtxException("no served forest is named; a BTX model alone cannot be re-mixed");

    public string? Obstacle(ForestState after, string presentMoe, ExpertAddition? added) => Blame.Problem(() =>
    {
        ExporterProgram.Find(exporter);
        RemixPlan.Of(Forest, after, presentMoe, added);
    });

    public IReadOnlyList<string> Notes(string presentMoe)
    {
        if (!BtxManifest.Exists(presentMoe) || BtxManifest.Load(presentMoe).FineTune is not { } tuning) return [];
        return
        [
            $"the BTX model loses its fine-tuning on {tuning.Tokens} tokens: router and shared weights that were tuned carry the text of "
                + "all experts; fine-tune the new one with `btx train finetune` and export it",
        ];
    }

    public async Task<string> MixAsync(ForestState after, string presentMoe, string output, ExpertAddition? added,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation)
    {
        void Report(double fraction, string message) => progress?.Report(new(ChangePhase.Mix, fraction, message));
        output = Path.GetFullPath(output);
        var program = ExporterProgram.Find(exporter);
        var plan = RemixPlan.Of(Forest, after, presentMoe, added);
        foreach (var note in Notes(presentMoe)) Report(0, note);
        try
        {
            using var directory = new AtomicDirectory(output);
            string model = Path.Combine(directory.Building, Checkpoint), served = Path.Combine(directory.Building, Export);
            var step = Tuple.Create(0.0, "reading");
            var mixing = BuildThread.RunAsync(() =>
            {
                RemixedModel.Write(plan, after, model, new PrivateWeights(options), (
                    fraction, what) => Volatile.Write(ref step, Tuple.Create(fraction, what)), cancellation);
                return true;
            });
            // Reports may start threads of the pool, which must not inherit the low priority.
            for (Tuple<double, string>? told = null;
                await Task.WhenAny(mixing, Task.Delay(Interval, CancellationToken.None)) != mixing;)
            {
                if (Volatile.Read(ref step) is var now && now != told) Report(0.5 * now.Item1, $"mixing: {now.Item2}");
                told = now;
            }

            await mixing;
            await program.RunAsync(Arguments(plan, model, served), (fraction, what) => Report(0.5 + (0.5 * fraction), $"exporting: {what}"),
                cancellation);
            await BuildThread.RunAsync(() =>
            {
                Join(served, directory.Building, output, plan);
                cancellation.ThrowIfCancellationRequested();
                directory.Commit();
                return true;
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot write {output}: {BtxException.OneLine(e.Message)}", e);
        }

        Report(1, $"re-mixed of {string.Join(", ", plan.Members.Select(m => m.Expert.Name))}");
        return output;
    }

    private IEnumerable<string> Arguments(RemixPlan plan, string model, string served)
    {
        string[] form = plan.Counts is { } counts ? ["--form", "moe-op", "--experts-per-token", string.Join(',', counts)]
            : ["--form", "gathered"];
        return ["export", "--btx", model, "--out", served, "--precision", plan.Present.Precision, "--device", options.Device.ToString(),
            "--threads", "1", .. form];
    }

    // One directory for both, which can be moved and deleted as one: the export above, the checkpoint below it.
    private static void Join(string served, string building, string output, RemixPlan plan)
    {
        var manifest = ServedMoeManifest.Load(served);
        foreach (var entry in Directory.EnumerateFileSystemEntries(served))
            Directory.Move(entry, Path.Combine(building, Path.GetFileName(entry)));
        Directory.Delete(served);
        (manifest with
        {
            Source = Checkpoint,
            Experts = [.. manifest.Experts.Select((
                e, i) => e.Source is null ? e : e with { Source = Path.GetRelativePath(output, plan.Members[i].Directory) })],
        }).Save(building);
    }
}

/// <summary>Re-mixes the served BTX model beside the running one, in directories alone, at low priority. Tests have a fake.</summary>
public interface IMoeRemix
{
    /// <summary>Why <see cref="MixAsync"/> could not do this, one line; null: it can. Reads manifests alone.</summary>
    /// <param name="after">The state to mix for: the members that are ready in it stay, and the added one joins.</param>
    /// <param name="presentMoe">Directory of the BTX model that is served now (<c>served-btx.json</c>).</param>
    /// <param name="added">With absolute directories that were checked; null: experts only leave.</param>
    string? Obstacle(ForestState after, string presentMoe, ExpertAddition? added);

    /// <summary>What the model loses by being re-mixed, one line each: a removal may not keep a fine-tuned router.</summary>
    /// <exception cref="BtxException">Its <c>btx.json</c> is damaged.</exception>
    IReadOnlyList<string> Notes(string presentMoe) => [];

    /// <param name="output">A directory that is not there yet. What fails or is cancelled leaves nothing there.</param>
    /// <returns>The new served directory: <paramref name="output"/>, durable, complete with the statistics for the next change.</returns>
    Task<string> MixAsync(ForestState after, string presentMoe, string output, ExpertAddition? added,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation);
}

/// <summary>BTX models that changes made: <c>mixtures/c000007</c> in the served forest.</summary>
internal sealed class MoeFolders(string servedDirectory, Action<string>? report)
{
    private const string Name = "mixtures";

    /// <summary>As a state names it.</summary>
    public static string Of(string changeId) => $"{Name}/{changeId}";

    /// <summary>Absolute path of the folder that a state names.</summary>
    public string PathOf(string moe) => Path.GetFullPath(Path.Combine(servedDirectory, moe));

    /// <summary>Deletes those that neither the state nor a rollback needs.</summary>
    public void Sweep(IForestLog log)
    {
        var parent = Path.Combine(servedDirectory, Name);
        if (!Directory.Exists(parent)) return;
        string?[] used = [log.State.Moe, log.RollbackTarget is null ? null : log.Previous.Moe];
        foreach (var folder in Directory.GetDirectories(parent))
        {
            if (used.Contains($"{Name}/{Path.GetFileName(folder)}")) continue;
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                report?.Invoke($"{folder}: is not served any more and cannot be deleted ({BtxException.OneLine(e.Message)}); it is tried "
                    + "again at the next change or start");
            }
        }
    }
}
