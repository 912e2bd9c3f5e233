using System.Globalization;
using Btx.Bench.Mixture;
using Btx.Exporter.Graphs;
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
    using var models = new BenchModels(options);
    var expert = 3L * options.Hidden * options.Intermediate * options.Layers;
    Console
        .WriteLine($"{options.Experts} experts of {expert / 1e6:F1} M parameters each, {models.Moe.Config.ParameterCount / 1e6:F1} M "
            + $"in all; dense: {models.Dense.Config.ParameterCount / 1e6:F1} M; {options.Precision.Name()} on {options.Device}, batch 1, "
                + $"through the {(options.ThroughEngine ? "engine" : "decode graph")}, medians of "
                    + $"{options.Rounds} rounds of {options.Steps} steps");
    var good = true;
    foreach (var threads in options.Threads) good &= Rounds.Measure(models, options, threads);
    return good ? 0 : 1;
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
