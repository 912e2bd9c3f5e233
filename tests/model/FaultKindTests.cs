namespace Btx.Model.Tests;

/// <summary>Whose fault a failure is, by its cause.</summary>
public sealed class FaultKindTests
{
    public static TheoryData<Exception, FaultKind> Failures { get; } = new()
    {
        { new BtxException("x"), FaultKind.Internal },
        { new BtxException("x") { Kind = FaultKind.Missing }, FaultKind.Missing },
        { new InsufficientMemoryException(), FaultKind.Exhausted },
        { new IOException("No space left on device", 28), FaultKind.Exhausted },
        { new IOException("x", new IOException("Too many open files", 24)), FaultKind.Exhausted },
        { new IOException("Input/output error", 5), FaultKind.Internal },
        { new AggregateException(new InvalidOperationException(), new InsufficientMemoryException()), FaultKind.Internal },
        { new InvalidOperationException(), FaultKind.Internal },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void The_cause_decides(Exception failure, FaultKind expected) => Assert.Equal(expected, BtxException.KindOf(failure));
}
