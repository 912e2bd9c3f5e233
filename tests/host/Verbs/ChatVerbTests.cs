using System.Diagnostics;
using System.Globalization;
using Btx.Server.Tests.EndToEnd;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Verbs;

/// <summary><c>btx chat</c> as its users start it.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ChatVerbTests
{
    [Fact]
    public async Task Ctrl_C_ends_an_answer_and_where_there_is_none_the_program()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var server = await RunningServer.StartAsync();
        server.Engine.Hold = new TaskCompletionSource().Task;
        using var chat = ServerProgram.Start("chat", "--server", server.GrpcAddress, "--max-tokens", "8");
        async Task Interrupt()
        {
            using var kill = Process.Start("kill", ["-INT", chat.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync(cancellation);
        }

        await chat.StandardInput.WriteLineAsync("hi".AsMemory(), cancellation);
        await chat.StandardInput.FlushAsync(cancellation);
        await server.Engine.Holding.WaitAsync(cancellation);
        await Interrupt();
        await server.Engine.Cancelled.WaitAsync(cancellation);
        Assert.Equal("(stopped)", await chat.StandardError.ReadLineAsync(cancellation));
        await chat.StandardInput.WriteLineAsync("/nothing".AsMemory(), cancellation);
        await chat.StandardInput.FlushAsync(cancellation);
        var refused = await chat.StandardError.ReadLineAsync(cancellation);
        Assert.StartsWith("error: /nothing: no such command", refused, StringComparison.Ordinal);
        await Interrupt();
        await chat.WaitForExitAsync(cancellation);
        Assert.Equal(130, chat.ExitCode);
    }
}
