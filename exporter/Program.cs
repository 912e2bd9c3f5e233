using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using Btx.Exporter;
using Btx.Exporter.Verbs;
using Btx.Model;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var root = new Command("btx", "Exports forests of Llama experts as ONNX graphs for the server.") { new HelpOption(), new VersionOption(),
    ExportVerb.Create() };
var parsed = root.Parse(args);
// A report on standard output stands alone there: what is said besides goes to standard error.
if (parsed.Tokens.Zip(parsed.Tokens.Skip(1)).Any(pair => (pair.First.Value, pair.Second.Value) is ("--json", "-")))
    Console.SetOut(Console.Error);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors) Console.Error.WriteLine($"error: {UsageError.Plain(error.Message)}");
    Console.Error.WriteLine("see: btx export --help");
    return 2;
}

using var orphaned = new CancellationTokenSource();
if (Environment.GetEnvironmentVariable(ParentPipe.Variable) == "1") ParentPipe.Watch(Console.OpenStandardInput(), orphaned.Cancel);
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromMinutes(1)
    }, orphaned.Token);
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("stopped; nothing was written");
    return 130;
}
catch (Exception e)
{
    Console.Error.WriteLine($"error: {e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name}; BTX_STACK=1 shows where)");
    if (Environment.GetEnvironmentVariable("BTX_STACK") == "1") Console.Error.WriteLine(e);
    return 1;
}
