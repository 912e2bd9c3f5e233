using System.CommandLine;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train finetune</c>: a BTX model, or a dense model, on the union of the domains' text.</summary>
internal static class TrainFinetuneVerb
{
    private const string Text =
        """
        Fine-tune a BTX model on the union of the domains' text: routers, attention, embeddings and (unless frozen) experts learn; loss.csv,
        routing.csv and a picture of the routing lie beside the model. A dense model is trained on in the same way, for comparison.

        Examples:
          btx train finetune --model mix --corpus corpus --tokens 250k --out tuned
          btx train finetune --model mix --corpus corpus --tokens 250k --out switch --router switch
          btx train finetune --model mix --corpus corpus --tokens 250k --out routers --freeze experts --weights novels=2,bible=1
          btx train finetune --model mix --corpus corpus --tokens 250k --out unbalanced --load-balancing 0
          btx train finetune --model seed --corpus corpus --tokens 250k --out continued                the dense model continued
        """;

    public static Command Create()
    {
        var (flags, corpus, domains, output) = (new TrainFlags(), TrainFlags.Corpus(), TrainFlags.Domains(), TrainFlags.Output());
        var model = new Flag<string>("--model DIR", "Mixtral or Llama directory to start from") { Required = true };
        var weights = Flags.Names("--weights A=W,B=W", "shares of the domains, such as novels=2,bible=1 (1 each)");
        var router = new Flag<string?>("--router top2|switch|sample_top1|soft", "how tokens choose experts (as the model was made)");
        var k = new Flag<int?>("--k K", "experts per token of --router top2 (as the model was made, or 2)");
        var balancing = new Flag<double?>("--load-balancing ALPHA", "weight of the balance loss; 0: none (0.01)");
        var freeze = new Flag<string?>("--freeze experts", "leave the experts' weights as they are");
        var statistics = new Flag<long?>("--statistics-every N", "steps between rows of routing.csv (about 20 rows in all)");
        var (sweep, sweepTokens) = TrainFlags.Sweep();
        var command = new Command("finetune", Text) { model, corpus, domains, output, weights, router, k, balancing, freeze, statistics,
            sweep, sweepTokens };
        command.Add(flags.All);
        return command.Does((parsed, cancellation) =>
        {
            var (directory, target) = (Path.GetFullPath(parsed.GetValue(model)!), parsed.GetValue(output)!);
            var config = LlamaConfig.Load(directory) with { TorchDtype = "float32" };
            var options = flags.Apply(parsed, PhaseDefaults.FineTune(config));
            using (Checkpoint.Open(directory)) { } // names a damaged file before btx.json only finds that the weights are others
            var sha256 = CheckpointFiles.Hash(directory);
            MoeTuning? tuning = null;
            if (config.Moe is { } moe)
            {
                if (parsed.GetValue(freeze) is { } frozen && frozen != "experts")
                    throw new BtxException($"--freeze {BtxException.OneLine(frozen)}: unknown; only experts can be frozen");
                if (parsed.GetValue(statistics) < 1)
                    throw new BtxException($"--statistics-every is {parsed.GetValue(statistics)}; expected a number of steps from 1 on");
                var source = BtxManifest.Of(directory, config, TextTokenizer.Load(directory).Hash, sha256);
                var alpha = parsed.GetValue(balancing) ?? MoeTuning.DefaultLoadBalancing;
                tuning = new()
                {
                    Source = source,
                    Routing = MoeTuning.Route(source, parsed.GetValue(router), parsed.GetValue(k), alpha, options.RandomSeed),
                    FreezeExperts = parsed.GetValue(freeze) is not null,
                };
                config = config with { Moe = moe with { ExpertsPerToken = tuning.ExpertsPerToken, AuxLossCoefficient = alpha } };
            }
            else if (((Option[])[router, k, balancing, freeze, statistics]).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false })
                is { } flag)
                throw new BtxException($"{flag.Name}: {directory} is a dense model; leave the flag out, or mix one with `btx train mix`");

            var job = SingleRun.Job("finetune", parsed.GetValue(corpus)!, flags.Shards(parsed), directory, parsed.GetValue(domains)!,
                config, text => flags.Settle(parsed, options, text), cancellation);
            job = job with
            {
                Name = NameOf(Path.GetFullPath(target)),
                Parents = [new BranchParent(NameOf(directory), 1, directory, sha256)],
                Weights = DomainWeights.Parse(parsed.GetValue(weights)!, [.. job.Sources.Select(s => s.Name)]),
                Moe = tuning,
            };
            var settings = flags.Settings(parsed) with { StatisticsSteps = parsed.GetValue(statistics) ?? 0 };
            job = LearningRateSweep.Choose(job, target, parsed.GetValue(sweep)!, parsed.GetValue(sweepTokens), settings, cancellation);
            SingleRun.Execute(job, target, settings, cancellation);
        });
    }

    private static string NameOf(string directory) => Path.GetFileName(Path.TrimEndingDirectorySeparator(directory));
}
