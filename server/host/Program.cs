using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Btx.Model;
using Btx.Server.Requests;
using Btx.Server.Verbs;
using Btx.Server.Verbs.Experts;

if (args is ["serve", ..] && Btx.Server.Doors.OpenFiles.Fault is { } tooFew)
{
    Console.Error.WriteLine($"error: {tooFew}");
    return 1;
}

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

Command[] verbs =
[
    ServeVerb.Create(),
    GenerateVerb.Create(),
    ScoreVerb.Create(),
    ExpertsVerb.Create(),
];

var root = new Command("btx",
    "Serve a forest of expert language models, generate with it, score text with it, change it while it serves.") { new HelpOption(),
    new VersionOption() };
foreach (var verb in verbs) root.Subcommands.Add(verb);

var parsed = root.Parse(args);
string[] errors = [.. parsed.Errors.Select(error => UsageError.Plain(error.Message))];
if (errors.Length == 0 && UsageError.UnknownOption(args,
    parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value)) is { } unknown)
    errors = [unknown];
if (errors.Length > 0)
{
    foreach (var error in errors) Console.Error.WriteLine($"error: {error}");
    Console.Error.WriteLine($"see: btx {string.Join(' ', args.Take(1).Where(a => verbs.Any(v => v.Name == a)).Append("--help"))}");
    return 2;
}

try
{
    // Longer than any shutdown limit: a verb ends by itself when its token is cancelled.
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromHours(1)
    }).ConfigureAwait(false);
}
catch (Exception e) when (e is BtxException || Rejection.Of(e) is not null)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("stopped");
    return 130;
}
catch (Exception e)
{
    Console.Error.WriteLine($"error: {e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name}; BTX_STACK=1 shows where)");
    if (Environment.GetEnvironmentVariable("BTX_STACK") == "1") Console.Error.WriteLine(e);
    return 1;
}
