using Btx.Fixtures;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>A tiny forest, exported once for a class of tests.</summary>
public sealed class ServedForestFixture : IDisposable
{
    private readonly TinyServedForest _forest = new();

    public string Served => _forest.Served;

    public void Dispose() => _forest.Dispose();
}
