using System.Diagnostics;
using System.Net.Sockets;

namespace Btx.Model.Tests.Files;

/// <summary>What may lie below an expert and must not be read, with the words that refuse it.</summary>
internal static class HostileEntry
{
    private static readonly System.Collections.Concurrent.ConcurrentBag<Socket> Sockets = [];

    /// <summary>Name, and words of the message.</summary>
    public static TheoryData<string, string> All { get; } = new()
    {
        { "link to a file", "symbolic link" },
        { "link to a directory", "symbolic link" },
        { "link to nowhere", "symbolic link" },
        { "hard link", "hard link" },
        { "pipe", "pipe, a socket or a device" },
        { "socket", "pipe, a socket or a device" },
    };

    /// <summary>Makes one at a path.</summary>
    /// <param name="outside">A directory of things outside, which must not change.</param>
    public static void Make(string kind, string path, string outside)
    {
        Directory.CreateDirectory(outside);
        var target = Path.Combine(outside, "w.safetensors");
        if (!File.Exists(target)) File.WriteAllText(target, "outside");
        switch (kind)
        {
            case "link to a file":
                File.CreateSymbolicLink(path, target);
                break;
            case "link to a directory":
                Directory.CreateSymbolicLink(path, outside);
                break;
            case "link to nowhere":
                File.CreateSymbolicLink(path, Path.Combine(outside, "nowhere"));
                break;
            case "hard link":
                Run("ln", target, path);
                break;
            case "pipe":
                Run("mkfifo", path);
                break;
            default:
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(path));
                Sockets.Add(socket); // its end would take the name away
                break;
        }
    }

    public static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
