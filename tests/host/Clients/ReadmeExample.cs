using Btx.Client;
using Btx.V1;
using Microsoft.Extensions.AI;

namespace Btx.Server.Tests.Clients;

/// <summary>The example of client/README.md and README.md, line by line.</summary>
internal static class ReadmeExample
{
    public static async Task RunAsync(string address, TextWriter output)
    {
        using var btx = new BtxClient(address);
        IChatClient chat = new BtxChatClient(btx);
        var options = new ChatOptions { MaxOutputTokens = 40 }.WithRouting(new() { Mode = Mode.TopK, K = 2 });
        await foreach (var update in chat.GetStreamingResponseAsync("Who was Ahab?", options))
        {
            output.Write(update.Text);
            if (update.GetExperts().MaxBy(expert => expert.Contribution) is { } most)
                output.Write($" [{most.Name}]");
        }
    }
}
