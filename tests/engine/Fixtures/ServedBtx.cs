using Btx.Engine.Tests.Fixtures;
using Btx.Exporter;
using Btx.Fixtures;

[assembly: AssemblyFixture(typeof(ServedBtx))]

namespace Btx.Engine.Tests.Fixtures;

/// <summary>One tiny BTX model, exported twice for all tests: with k as an input, its first layer soft, and with a graph for each of k = 1
/// and 2.</summary>
public sealed class ServedBtx : IDisposable
{
    private readonly TinyServedMoe input = new(soft: [0]);
    private readonly TinyServedMoe built = new(o => o with { Form = MoeForm.Fused, ExpertsPerToken = [1, 2] }, soft: [0]);

    /// <summary>k as an input.</summary>
    public string Served => input.Served;

    public string Model => input.Model;

    /// <summary>k built into the graphs.</summary>
    public string ServedByK => built.Served;

    public void Dispose()
    {
        input.Dispose();
        built.Dispose();
    }
}
