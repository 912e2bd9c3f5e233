using Btx.Cli;
using Btx.Exporter;

using var orphaned = new CancellationTokenSource();
if (Environment.GetEnvironmentVariable(ParentPipe.Variable) == "1") ParentPipe.Watch(Console.OpenStandardInput(), orphaned.Cancel);

return await new ProgramFrame
{
    Name = "btx",
    Description = "Exports forests of Llama experts as ONNX graphs for the server.",
    Verbs = [ExportVerb.Create()],
    IsForTheUser = e => e is BtxException,
    JsonStandsAlone = true,
    Stopped = "stopped; nothing was written",
}.RunAsync(args, orphaned.Token).ConfigureAwait(false);
