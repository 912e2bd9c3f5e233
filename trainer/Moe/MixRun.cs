using System.Globalization;
using System.Security.Cryptography;

namespace Btx.Trainer.Moe;

/// <summary>Mixes a forest, or copies of one model, into a Mixtral directory (Branch-Train-MiX, arXiv 2403.07816, section 3.2). It appears
/// whole: a BTX model there before stays until the new one is complete on disk. The same request again finds it done.</summary>
public sealed class MixRun(MixRequest request, ProgressDisplay display)
{
    public const string Phase = "mix";

    /// <returns>The BTX model's report, and whether this call made it.</returns>
    /// <exception cref="BtxException">Models, router, options or text do not fit, or the output directory holds something else.</exception>
    public (MixReport Report, bool Made) Execute(CancellationToken cancellation = default)
    {
        var earlier = Earlier();
        var plan = MixPlan.Of(request);
        var router = Router(plan.Members.Count);
        var init = request.RouterInit ?? (request.Corpus is null && request.Statistics is null ? RouterInit.Random : RouterInit.Ridge);
        using var text = RouterInit.NeedsText(init) ? MixText.Open(request, plan, cancellation) : null;
        MixMember[] distinct = [.. plan.Members.DistinctBy(m => m.Directory)];
        var record = new RunRecord
        {
            Phase = Phase,
            Name = Phase,
            Status = RunRecord.Finished,
            Options = Options(plan, router, init, text),
            Settings = plan.Settings,
            Parents = [.. distinct.Select(m => new BranchParent(distinct.Length < plan.Members.Count ? m.Expert.Domain : m.Expert.Name,
                1.0 / distinct.Length, Path.GetFullPath(m.Directory), m.Expert.Sha256!))],
            Parameters = (plan.Architecture with { Moe = new(plan.Members.Count, router.ExpertsPerToken) }).ParameterCount,
        };
        if (earlier is not null && !request.Fresh)
        {
            RunRecord.RequireSame(earlier.Options, record.Options, request.Output);
            return (MixReport.Load(request.Output), false);
        }

        var opened = distinct.ToDictionary(m => m.Directory, m => Checkpoint.Open(m.Directory));
        try
        {
            foreach (var checkpoint in opened.Values) checkpoint.CheckFinite(cancellation);
            return (Write(plan, [.. plan.Members.Select(m => opened[m.Directory])], router, init, text, record, cancellation), true);
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot write {request.Output}: {e.Message}", e);
        }
        finally
        {
            foreach (var checkpoint in opened.Values) checkpoint.Dispose();
        }
    }

    private MixReport Write(MixPlan plan, IReadOnlyList<Checkpoint> members, BtxRouter router, string init, MixText? text, RunRecord record,
        CancellationToken cancellation)
    {
        var weights = new MoeWeights(members);
        var config = weights.Config(router.ExpertsPerToken);
        var statistics = text?.Statistics(plan, members, weights, display, cancellation);
        var kind = RouterInit.IsFile(init) ? RouterInit.File : init;
        var fit = statistics is { Fitted: var fitted } ? RouterFit.Of(init, fitted, members.Count, request.RidgeLambda) : null;
        var gates = fit?.Weights
            ?? (init == RouterInit.Random ? RandomRouter.Make(config.NumHiddenLayers, members.Count, config.HiddenSize, request.RandomSeed)
            : RouterFile.Read(init, config));
        using var target = new AtomicDirectory(request.Output);
        var item = display.Start("mix", config.ParameterCount, "weights");
        weights.Write(target.Building, config, gates, done => item.Report(done), cancellation);
        item.Finish($"mix: {Quantity.WithUnit(config.ParameterCount, "weights")} written");
        TokenizerFiles.Copy(plan.Members[0].Directory, target.Building);
        new BtxManifest
        {
            Architecture = config.Fingerprint(),
            Tokenizer = plan.Tokenizer,
            Sha256 = CheckpointFiles.Hash(target.Building),
            Experts = [.. plan.Members.Select(m => m.Expert)],
            Router = router with { Init = kind, RidgeLambda = init == RouterInit.Ridge ? request.RidgeLambda : null },
            ForestSha256 = plan.ForestSha256,
            Without = plan.Without,
        }.Save(target.Building);
        statistics?.Kept.Save(Path.Combine(target.Building, RouterStatistics.FileName));
        record.Save(target.Building);
        var report = new MixReport
        {
            Experts = [.. plan.Members.Select(m => m.Expert.Name)],
            Without = plan.Without,
            Residuals = plan.Residuals,
            Parameters = config.ParameterCount,
            ActiveParameters = Evaluation.ActiveParameters.Of(config, router.ExpertsPerToken, router.SoftLayers),
            ExpertsPerToken = router.ExpertsPerToken,
            Router = router.Kind,
            RouterInit = kind,
            States = statistics?.Fitted.Form,
            RouterScales = fit?.Scales,
            RouterAccuracy = fit?.Accuracy,
        };
        report.Save(Path.Combine(target.Building, MixReport.FileName));
        cancellation.ThrowIfCancellationRequested();
        target.Commit();
        return report;
    }

    private BtxRouter Router(int experts)
    {
        var routing = MoeTraining.Of(request.Router, request.K, Math.Min(2, experts), experts);
        var perToken = RouterKind.ExpertsPerToken(request.Router, routing.ExpertsPerToken, experts);
        return new() { Kind = request.Router, ExpertsPerToken = perToken, SoftLayers = routing.SoftLayers };
    }

    // What two BTX models must agree in to be the same one, by flag or subject.
    private SortedDictionary<string, string> Options(MixPlan plan, BtxRouter router, string init, MixText? text)
    {
        static string Number(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
        var options = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["phase"] = Phase,
            ["experts (--experts, --without, --with-seed, --upcycle)"] =
                string.Join(",", plan.Members.Select(m => $"{m.Expert.Name}:{m.Expert.Sha256![..16]}")),
            ["--without"] = string.Join(",", plan.Without),
            ["--router"] = router.Kind,
            ["--k"] = Number(router.ExpertsPerToken),
            ["--router-init"] = RouterInit.IsFile(init) ? $"file {FileHash(init)}" : init,
        };
        if (init == RouterInit.Random) options["--random-seed"] = Number(request.RandomSeed);
        if (init == RouterInit.Ridge) options["--ridge-lambda"] = Number(request.RidgeLambda);
        foreach (var (flag, value) in text?.Options ?? []) options[flag] = value;
        return options;
    }

    // The BTX model that the output directory holds, or null if there is nothing; what is no BTX model is never replaced.
    private RunRecord? Earlier()
    {
        var output = request.Output;
        if (File.Exists(output)) throw new BtxException($"--out {output} is a file; choose another directory");
        if (!Directory.Exists(output) || !Directory.EnumerateFileSystemEntries(output).Any()) return null;
        return RunRecord.Load(output) is { Phase: Phase } earlier ? earlier : throw new BtxException(
            $"--out {output} exists and holds something else than a BTX model made by this command; choose another directory");
    }

    private static string FileHash(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"--router-init {path}: cannot be read ({e.Message}); use {RouterInit.Random}, {RouterInit.Centroid}, "
                + $"{RouterInit.Ridge} or a safetensors file", e);
        }
    }
}
