using Btx.Bench;
using Btx.Bench.Change;
using Btx.Model;

return await new ProgramFrame
{
    Name = "Btx.Bench",
    Description = "Measures one thing beside another in one run: beside its peer, or beside itself under other conditions.",
    Verbs = [EnginePair.Verb(), ChangeVerbs.Latency(), ChangeVerbs.Cycles(), MixtureCost.Verb(), TokenizerPair.Verb(), ProtocolPair.Verb()],
    IsForTheUser = e => e is BtxException,
}.RunAsync(args);
