using Btx.Bench;
using Btx.Model;

if (args.Length == 0)
{
    foreach (var line in PairReport.List()) Console.WriteLine(line);
    return 0;
}

return await new ProgramFrame
{
    Name = "btx bench",
    Description = "Measures one thing beside another in one run: beside its peer, or beside itself under other conditions.",
    Verbs = [.. Pair.All.Select(PairReport.Verb), MixtureCost.Verb(), TokenizerPair.Verb(), ProtocolPair.Verb()],
    IsForTheUser = e => e is BtxException,
    JsonStandsAlone = true,
}.RunAsync(args);
