using Btx.Fixtures;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>A tiny forest and a tiny BTX model, exported once for a class of tests, or for all classes of the collection: those run one
/// after the other, as only one process at a time can serve a forest.</summary>
[CollectionDefinition(Name)]
public sealed class ServedForestFixture : ICollectionFixture<ServedForestFixture>, IDisposable
{
    public const string Name = "the program, as a process";
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
