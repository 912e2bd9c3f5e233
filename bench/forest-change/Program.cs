using System.Globalization;
using Btx.Bench.Change;
using Btx.Model;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args.Contains("--help"))
{
    Console.WriteLine(BenchOptions.Help);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}; see --help");
    return 2;
}

try
{
    using var forest = new BenchForest(options.Cycling ? "tiny" : options.Size, options.Experts);
    return await (options.Cycling ? Cycles.Measure(forest, options) : Latency.Measure(forest, options)) ? 0 : 1;
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
