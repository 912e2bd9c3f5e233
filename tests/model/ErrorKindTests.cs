namespace Btx.Model.Tests;

/// <summary>Whose fault a failure is, by its cause.</summary>
public sealed class ErrorKindTests
{
    public static TheoryData<Exception, ErrorKind> Failures { get; } = new()
    {
        { new BtxException("x"), ErrorKind.Internal },
        { new BtxException("x") { Kind = ErrorKind.Missing }, ErrorKind.Missing },
        { new InsufficientMemoryException(), ErrorKind.Exhausted },
        { new IOException("No space left on device", 28), ErrorKind.Exhausted },
        { new IOException("x", new IOException("Too many open files", 24)), ErrorKind.Exhausted },
        { new IOException("Input/output error", 5), ErrorKind.Internal },
        { new AggregateException(new InvalidOperationException(), new InsufficientMemoryException()), ErrorKind.Internal },
        { new InvalidOperationException(), ErrorKind.Internal },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void The_cause_decides(Exception failure, ErrorKind expected) => Assert.Equal(expected, BtxException.KindOf(failure));
}
