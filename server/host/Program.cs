using Btx.Server.Verbs;
using Btx.Server.Verbs.Experts;

if (args is ["serve", ..] && OpenFiles.Problem is { } tooFew)
{
    Console.Error.WriteLine($"error: {tooFew}");
    return 1;
}

var serve = ServeVerb.Create(out var configuration);
if (args is ["serve", .. var given]) args = ["serve", .. configuration.Complete(given, Environment.GetEnvironmentVariables())];
return await new ProgramFrame
{
    Name = "btx",
    Description = "Serve a forest of expert language models, generate and chat with it, score text with it, change it while it serves.",
    Verbs = [serve, GenerateVerb.Create(), ChatVerb.Create(), ScoreVerb.Create(), ExpertsVerb.Create(), KeysVerb.Create()],
    MoreProblems = configuration.Problems.Select(configuration.Explain),
    IsForTheUser = e => e is BtxException or BtxCallException || Rejection.Of(e) is not null,
    TerminationTimeout = args is ["chat", ..] ? null : TimeSpan.FromHours(1), // longer than any shutdown limit; a chat treats Ctrl-C itself
}.RunAsync(args);
