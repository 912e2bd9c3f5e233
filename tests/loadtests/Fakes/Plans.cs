using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;

namespace Btx.LoadTests.Tests.Fakes;

/// <summary>Plans and loads over a few lines of text.</summary>
internal static class Plans
{
    public static PromptTexts Texts { get; } = new(
        new Dictionary<string, string[]>
        {
            ["prose"] = ["It was a dark night.\nThe rain fell in torrents.\nNobody came.", "Call me Ishmael.\nSome years ago."],
            ["code"] = ["def f(x):\n    return x + 1\n\nprint(f(2))", "import os\nfor name in os.listdir():\n    print(name)"],
        },
        "a few lines");

    public static LoadPlan Of(string arrivals, string prompts = "8", string outputs = "4", string? mix = null, long seed = 7,
        int? context = 256) => new(
        ArrivalsReader.Read("--arrivals", arrivals), Texts, new(Texts.Domains.ToDictionary(d => d, _ => (1.0, 1.0)), context),
            DomainMix.Read("--domains", mix, Texts.Domains),
        LengthsReader.Read("--prompt-tokens", prompts), LengthsReader.Read("--output-tokens", outputs), seed);

    public static LoadRun Run(IDoor door, LoadPlan plan, LoadBounds bounds) =>
        new() { Door = door, Served = FakeDoor.Served, Plan = plan, Routing = new("ensemble"), Bounds = bounds };
}
