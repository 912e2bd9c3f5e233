using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Btx.LoadTests;
using Btx.LoadTests.Verbs;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

Command[] verbs =
[
    RunVerb.Create(),
    CeilingVerb.Create(),
    SweepVerb.Create(),
    ReportVerb.Create(),
    CompareVerb.Create(),
    PlanVerb.Create(),
];

var root = new Command("loadtest", "Load a server, sweep what routing costs, report what it buys.") { new HelpOption(),
    new VersionOption() };
foreach (var verb in verbs) root.Subcommands.Add(verb);

var parsed = root.Parse(args);
List<string> errors = [.. parsed.Errors.Select(error => error.Message)];
// The parser takes an option that it does not know for the value of an argument.
var values = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value);
if (errors.Count == 0)
    errors.AddRange(args.TakeWhile(a => a != "--").Intersect(values).Where(a => a.StartsWith("--", StringComparison.Ordinal))
        .Select(a => $"unknown option \"{a}\""));
if (errors.Count > 0)
{
    foreach (var error in errors) Console.Error.WriteLine($"error: {error}");
    Console.Error.WriteLine($"see: btx loadtest {string.Join(' ', args.Take(1).Where(a => verbs.Any(v => v.Name == a)).Append("--help"))}");
    return 2;
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromHours(1)
    }).ConfigureAwait(false);
}
catch (LoadTestException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("stopped; what was measured is kept");
    return 130;
}
catch (Exception e)
{
    Console.Error.WriteLine($"error: {e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name}; BTX_STACK=1 shows where)");
    if (Environment.GetEnvironmentVariable("BTX_STACK") == "1") Console.Error.WriteLine(e);
    return 1;
}
