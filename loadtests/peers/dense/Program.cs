using System.Globalization;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Peers.Dense;

// Makes the dense peer of a BTX model: a forest of one model that `btx export` exports and the server serves.
const string Help = """
    Writes a forest of one dense model, the load tests' peer of a BTX model:

    usage: Btx.Peer.Dense --btx DIR --k K --out FOREST
             as many active parameters as the BTX model at K experts a token: the same network, its feed-forward K times as wide, with random
             weights. For speed only.
           Btx.Peer.Dense --model DIR --out FOREST
             a dense model that was trained (btx train dense).

    Exit codes: 0 done, 1 failed, 2 wrong usage.

    Example:
      dotnet build loadtests/peers/dense -c Release
      artifacts/bin/Btx.Peer.Dense/release/Btx.Peer.Dense --btx tuned --k 2 --out dense-k2
      ./btx export --forest dense-k2 --out served-dense-k2
      ./btx loadtest sweep --forest served --btx served-btx --peer dense-k2=served-dense-k2 --modes moe,peer:dense-k2 --k 2 --out run
    """;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args.Length == 0 || args.Contains("--help"))
{
    Console.WriteLine(Help);
    return 0;
}

var values = new Dictionary<string, string>();
for (var i = 0; i < args.Length; i += 2)
{
    if (args[i] is not ("--btx" or "--k" or "--model" or "--out")) return Usage($"{args[i]}: unknown option");
    if (i + 1 == args.Length) return Usage($"{args[i]} needs a value");
    values[args[i]] = args[i + 1];
}

if (!values.TryGetValue("--out", out var forest)) return Usage("--out is missing");
if (values.ContainsKey("--btx") == values.ContainsKey("--model")) return Usage("give --btx or --model");
if (values.ContainsKey("--btx") != values.ContainsKey("--k")) return Usage("--k goes with --btx");
var k = 0;
if (values.TryGetValue("--k", out var text) && !int.TryParse(text, out k)) return Usage($"--k {text}: expected a whole number");

try
{
    var config = values.TryGetValue("--btx", out var moe) ? DenseForest.Like(moe, k, forest)
        : DenseForest.Of(values["--model"], forest);
    Console
        .WriteLine($"{config.ParameterCount / 1e6:F2} M parameters, feed-forward {config.IntermediateSize}; next: ./btx export --forest "
            + $"{forest} --out {forest}-served");
    return 0;
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}

static int Usage(string problem)
{
    Console.Error.WriteLine($"error: {problem}; see --help");
    return 2;
}
