using Btx.LoadTests.Clients;
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
        int context = 256) => new(
        Arrivals.Read("--arrivals", arrivals), Texts, new(Texts.Domains.ToDictionary(d => d, _ => (1.0, 1.0)), context),
            DomainMix.Read("--domains", mix, Texts.Domains),
        Lengths.Read("--prompt-tokens", prompts), Lengths.Read("--output-tokens", outputs), seed);

    public static LoadRun Run(IServerClient client, LoadPlan plan, LoadBounds bounds) =>
        new(client, FakeClient.Served, plan, new("ensemble"), bounds);
}
