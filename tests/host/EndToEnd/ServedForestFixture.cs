using Btx.Fixtures;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>A tiny forest and a tiny BTX model, exported once for a class of tests.</summary>
public sealed class ServedForestFixture : IDisposable
{
    private readonly TinyServedForest _forest = new();
    private readonly TinyServedMoe _mixture = new();

    public string Served => _forest.Served;

    /// <summary>Of the BTX model.</summary>
    public string ServedMoe => _mixture.Served;

    public void Dispose()
    {
        _forest.Dispose();
        _mixture.Dispose();
    }
}
