using Btx.Engine;
using Btx.Server.Lifetime;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Lifetime;

/// <summary>What is said of memory at start.</summary>
public sealed class MemoryStatementTests
{
    [Fact]
    public void The_options_that_bound_it_are_named_and_more_than_there_is_is_warned_of()
    {
        var forest = new FakeEngine(RunningServer.SomeTokenizer).Forest with { Memory = new(2_000_000_000, 5_500_000_000, 10_000_000) };
        var options = new EngineOptions { Slots = 8 };
        Assert.Equal("weights 2.00 GB mapped; KV cache 5.50 GB (--slots 8, context 64); sessions and logits 10.0 MB (--max-batch-tokens 512)",
            MemoryStatement.Line(forest, options));
        Assert.Null(MemoryStatement.Warning(forest, options, 7_510_000_000));
        Assert.StartsWith("warning: 7.51 GB are more than the 7.50 GB that this process may use",
            MemoryStatement.Warning(forest, options, 7_500_000_000), StringComparison.Ordinal);
    }
}
