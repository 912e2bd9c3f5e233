using Btx.Trainer.Verbs;

return await new ProgramFrame
{
    Name = "btx",
    Description = "Build corpora, train tokenizers and forests of expert language models, and evaluate them.",
    Verbs = [CorpusVerb.Create(), TokenizerVerb.Create(), TrainVerb.Create(), EvaluateVerb.Create(),
        DemoVerb.Create(), ReproduceVerb.Create(), BenchTrainVerb.Create()],
    IsForTheUser = e => e is BtxException,
    JsonStandsAlone = true,
    Stopped = "stopped; the same command goes on where this run was",
}.RunAsync(args).ConfigureAwait(false);
