using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Btx.Model;
using Btx.Trainer.Verbs;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

Command[] verbs =
[
    CorpusVerb.Create(),
    EvaluateVerb.Create(),
    BenchTrainVerb.Create(),
    TokenizerVerb.Create(),
    TrainVerb.Create(),
];

var root = new Command("btx",
    "Build corpora, train tokenizers and forests of expert language models, and evaluate them.") { new HelpOption(), new VersionOption() };
foreach (var verb in verbs) root.Subcommands.Add(verb);

var parsed = root.Parse(args);
// A report on standard output stands alone there: what is said besides goes to standard error.
if (parsed.Tokens.Zip(parsed.Tokens.Skip(1)).Any(pair => (pair.First.Value, pair.Second.Value) is ("--json", "-")))
    Console.SetOut(Console.Error);
// The list of verbs shows the first line of each; the verb's own help shows the rest.
if (parsed.CommandResult.Command == root) foreach (var verb in verbs) verb.Description = verb.Description!.Split('\n')[0];
string[] errors = [.. parsed.Errors.Select(error => UsageError.Plain(error.Message))];
if (errors.Length == 0 && UsageError.UnknownOption(args,
    parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value)) is { } unknown)
    errors = [unknown];
if (errors.Length > 0)
{
    foreach (var error in errors) Console.Error.WriteLine($"error: {error}");
    var path = parsed.CommandResult.Command == root ? [] : args.TakeWhile(a => !a.StartsWith('-'))
        .Take(parsed.CommandResult.Parent is CommandResult { Command: var above } && above != root ? 2 : 1);
    Console.Error.WriteLine($"see: btx {string.Join(' ', path.Append("--help"))}");
    return 2;
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromMinutes(1)
    }).ConfigureAwait(false);
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("stopped; the same command goes on where this run was");
    return 130;
}
catch (Exception e)
{
    Console.Error.WriteLine($"error: {e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name}; BTX_STACK=1 shows where)");
    if (Environment.GetEnvironmentVariable("BTX_STACK") == "1") Console.Error.WriteLine(e);
    return 1;
}
