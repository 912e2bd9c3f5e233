using System.Collections.Concurrent;
using System.Globalization;
using Btx.Engine.Forests;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>Opens fakes: the directory is the seed. Remembers all that it opened.</summary>
internal sealed class FakeOpener(int slots, bool records) : IModelOpener
{
    private readonly ConcurrentQueue<(string Name, FakeModelRunner Runner, ServedModel Model)> opened = [];

    public IEnumerable<(string Name, FakeModelRunner Runner, ServedModel Model)> Opened => opened;

    /// <summary>What was opened under a name, the newest.</summary>
    public FakeModelRunner this[string name] => opened.Last(o => o.Name == name).Runner;

    public int Live => opened.Count(o => !o.Runner.Disposed);

    /// <summary>Forgets what is freed, so that it can be collected.</summary>
    public void Forget()
    {
        for (var i = opened.Count; i > 0 && opened.TryDequeue(out var o); i--)
            if (!o.Runner.Disposed) opened.Enqueue(o);
    }

    public static ExpertSource Source(string name, int seed, IReadOnlyDictionary<string, double>? prior = null) =>
        new() { Name = name, Domain = name, Directory = seed.ToString(CultureInfo.InvariantCulture), Prior = prior };

    public ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default) => Open(expert.Name, new FakeModelRunner(
        int.Parse(expert.Directory, CultureInfo.InvariantCulture), FakeForest.Vocab, slots)
    { Quick = true, Records = records });

    public Btx.Model.Tensors.Checkpoint OpenWeights(string name, string directory, CancellationToken cancellation, string? mustBe = null) =>
        throw new NotSupportedException();

    public ServedMoe OpenMoe(string directory)
    {
        var description = FakeForest.MoeDescription with
        { Experts = ["a", "b", "c"], Domains = ["prose", "code", "prose"], Choices = [1, 2, 3] };
        return new ServedMoe(description, Open("the BTX model",
            new FakeModelRunner(int.Parse(directory, CultureInfo.InvariantCulture), FakeForest.Vocab, slots, FakeForest.Layers, 3)));
    }

    public ServedModel Open(string name, FakeModelRunner runner)
    {
        var model = new ServedModel(name, runner);
        opened.Enqueue((name, runner, model));
        return model;
    }
}
