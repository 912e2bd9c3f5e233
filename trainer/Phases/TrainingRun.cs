using Btx.Trainer.Evaluation;
using Btx.Trainer.Moe;
using Btx.Trainer.Optimisation;
using Btx.Trainer.RoutingStatistics;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>One run in one directory, which becomes a Hugging Face model directory when it ends; beside the model lie <c>run.json</c>,
/// <c>loss.csv</c> and <c>loss.svg</c>. Killed at any moment, the same job in the same directory goes on from the last resume point and
/// ends with the same weights, bit for bit.</summary>
/// <param name="warn">Receives what the user should know before the end, as lines.</param>
public sealed class TrainingRun(TrainingJob job, string directory, RunSettings settings, Action<TrainingProgress>? report = null,
    Action<string>? warn = null)
{
    private readonly string directory = Path.GetFullPath(directory);

    /// <summary>Trains, or finds that it was done already.</summary>
    /// <returns>The finished record, and whether this call trained it.</returns>
    /// <exception cref="BtxException">Options that differ from the run's there, unusable text or model, a
    /// loss that is not finite, a full disk.</exception>
    /// <exception cref="OperationCanceledException">Stopped; a resume point was written.</exception>
    public (RunRecord Record, bool Trained) Execute(CancellationToken cancellation = default)
    {
        job.Options.Validate(job.Architecture.MaxPositionEmbeddings);
        static string Whole(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (job.Parents.FirstOrDefault(p => Whole(p.Model) == Whole(directory)) is { } parent)
            throw new BtxException($"{directory} is the model that the run starts from ({parent.Name}); choose another directory");
        using var held = RunLock.Acquire(directory, settings.Wait, cancellation);
        var resume = new ResumeStore(directory);
        var earlier = settings.Fresh ? null : RunRecord.Load(directory);
        if (settings.Fresh) Forget(resume);
        else if (earlier is null && File.Exists(Path.Combine(directory, CheckpointFiles.SingleFile)))
            throw new BtxException($"{directory} already holds a model that no run here made; choose another directory");

        var tokenizer = Tokenizer(job.Tokenizer, job.Architecture);
        using var cache = new TokenShardCache(CorpusDirectory.Open(job.Corpus), tokenizer, job.Shards);
        var record = new RunRecord
        {
            Phase = job.Phase,
            Name = job.Name,
            Options = job.Identity(cache, tokenizer),
            Settings = job.Options,
            Parents = job.Parents,
            Parameters = job.Architecture.ParameterCount,
            Weights = job.Weights is { } weights ? job.Sources.Zip(weights).ToDictionary(w => w.First.Name, w => w.Second) : null,
        };
        if (earlier is not null)
        {
            RunRecord.RequireSame(earlier.Options, record.Options, directory);
            if (earlier.Status == RunRecord.Finished) return (earlier, false);
        }

        // What cannot begin leaves no record: it would bind the next try to options that never ran.
        var device = TorchDevice.Open(DeviceSpec.Parse(job.Options.Device), job.Options.Threads);
        var shards = new ShardSet(job, cache, tokenizer, cancellation);
        record.Save(directory);
        return (Train(record, resume, shards, cache, device, cancellation), true);
    }

    /// <exception cref="BtxException">There is none, or it has more tokens than the model.</exception>
    internal static TextTokenizer Tokenizer(string directory, LlamaConfig architecture)
    {
        var tokenizer = TextTokenizer.Load(directory);
        if (tokenizer.VocabSize <= architecture.VocabSize) return tokenizer;
        throw new BtxException($"the tokenizer in {directory} has {tokenizer.VocabSize} tokens, the model a vocabulary of "
            + $"{architecture.VocabSize}; use the model's own tokenizer");
    }

    private RunRecord Train(RunRecord record, ResumeStore resume, ShardSet shards, TokenShardCache cache, torch.Device device,
        CancellationToken cancellation)
    {
        var (options, found) = (job.Options, resume.Latest());
        using var model = found is null ? InitialModel(device) : new LlamaModel(job.Architecture, device);
        var moe = job.Moe is null ? null : new MoeTuner(model, job.Moe, directory,
            settings.StatisticsSteps > 0 ? settings.StatisticsSteps : Math.Max(1, options.Steps / RoutingCurve.Statistics), warn);
        foreach (var layer in model.Moe) layer.Settings = job.Moe!.Routing;
        foreach (var (name, parameter) in model.NamedParameters)
            parameter.requires_grad_((!options.FreezeShared || MoeWeights.IsFeedForward(name)) && job.Moe?.Learns(name) != false);
        using var optimizer = new AdamW(model.Parameters, options.Optimizer, options.LearningRate);
        var (sampler, curve, passes) = (shards.Sampler(), LossCurve.Of(directory), shards.Passes);
        foreach (var line in passes.Lines(options, job.Architecture.MaxPositionEmbeddings)) warn?.Invoke(line);
        var watch = new ValidationWatch(options.Patience ?? 0, options.TokensPerStep, warn);
        var hash = record.OptionsHash();
        var state = new ResumeState(0, sampler.State, 0, hash);
        if (found is { } latest)
        {
            state = latest.State;
            if (state.Options != hash)
                throw new BtxException($"{latest.Point} belongs to a run with other options; start over with --fresh");
            ResumeStore.Restore(latest.Point, model, optimizer);
            sampler.State = state.Sampler;
            curve.Load(state.Step);
            moe?.Resume(state.Step, state.Routing);
            watch.Best = state.Best;
        }

        var loop = new TrainingLoop(model, optimizer, sampler, options, settings, curve, state, moe, report)
        {
            Watch = watch,
            Passes = passes,
            ValidateEvery = watch.Decides
                ? ValidationWatch.Interval(options, passes.Tokens, shards.ValidationTokens(ValidationWatch.Windows))
                : settings.ValidateSteps > 0 ? settings.ValidateSteps : Math.Max(1, (options.Steps + 3) / 4),
            Keep = () => resume.SaveBest(model),
            Validate = windows => shards.Validate(model, windows, cancellation),
            Save = at =>
            {
                curve.Save();
                moe?.SaveCsv();
                resume.Save(at, model, optimizer);
            },
        };
        state = loop.Run(cancellation);
        var (steps, best) = (state.Step, watch.Decides ? watch.Best : null);
        if (best is not null && best.Step < state.Step)
        {
            resume.RestoreBest(model);
            steps = best.Step;
        }

        if (watch.Outcome(state.Step, options.Steps) is { } outcome) warn?.Invoke($"{job.Name}: {outcome}");
        var validation = shards.Validate(model, settings.ValidationWindows, cancellation, moe is null ? null : moe.Note);
        Directory.CreateDirectory(directory);
        TokenizerFiles.Copy(job.Tokenizer, directory);
        LlamaCheckpoint.Save(model, directory);
        loop.Finish(validation.Count > 0 ? validation.Values.Average() : null, last: steps == state.Step);
        curve.Save();
        LossCurve.SavePicture(curve.Rows, directory, job.Name);
        moe?.Finish(job, cache, steps);
        record = record with
        {
            Status = RunRecord.Finished,
            Steps = steps,
            Tokens = steps * options.TokensPerStep,
            TextTokens = passes.Tokens,
            EarlyStop = best is null ? null
                : new EarlyStop(options.Tokens, state.Step * options.TokensPerStep, steps * options.TokensPerStep, best.BitsPerByte),
            Seconds = Math.Round(state.Seconds, 3),
            TokensPerSecond = Math.Round(state.Step * options.TokensPerStep / Math.Max(1e-9, state.Seconds), 1),
            Loss = loop.MeanLoss,
            ValidationBitsPerByte = validation,
            RoutingAlarms = moe?.Alarms,
        };
        record.Save(directory);
        resume.Clear();
        return record;
    }

    private LlamaModel InitialModel(torch.Device device)
    {
        if (job.Parents.Count == 0) return new LlamaModel(job.Architecture, device).Init(job.Options.RandomSeed);
        if (job.Parents.FirstOrDefault(p => CheckpointFiles.Hash(p.Model) != p.Sha256) is { } changed)
            throw new BtxException($"{changed.Model}: the weights of parent {changed.Name} have changed since the branch was decided; "
                + "start over with --fresh");
        BranchParent[] used = [.. job.Parents.Where(p => p.Weight > 0)];
        return used.Length == 1 ? LlamaCheckpoint.Load(used[0].Model, device, config: job.Architecture)
            : ModelAverage.Load([.. used.Select(p => p.Model)], [.. used.Select(p => p.Weight)], device, job.Architecture);
    }

    private void Forget(ResumeStore resume)
    {
        resume.Clear();
        foreach (var name in (string[])[RunRecord.FileName, LossCurve.CsvFile, LossCurve.PictureFile, CheckpointFiles.SingleFile,
            RoutingCurve.CsvFile, RoutingMap.JsonFile, RoutingMap.PictureFile, BtxManifest.FileName])
            File.Delete(Path.Combine(directory, name));
    }
}
