using System.IO.Pipes;

namespace Btx.Exporter.Tests;

public sealed class ParentPipeTests
{
    [Fact]
    public async Task The_end_of_the_input_is_noticed_and_not_before()
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var parent = new AnonymousPipeServerStream(PipeDirection.Out);
        await using var input = new AnonymousPipeClientStream(PipeDirection.In, parent.ClientSafePipeHandle);
        ParentPipe.Watch(input, gone.SetResult);
        parent.Write("a line that nobody asked for\n"u8);
        parent.Flush();
        Assert.False(gone.Task.IsCompleted);
        await parent.DisposeAsync();
        await gone.Task.WaitAsync(TestContext.Current.CancellationToken);
    }
}
