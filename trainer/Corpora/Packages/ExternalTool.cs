using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Btx.Trainer.Corpora.Packages;

/// <summary>A program of the machine that is run for its output.</summary>
/// <param name="DebianPackage">What to install if it is not there.</param>
public sealed record ExternalTool(string Command, string DebianPackage)
{
    /// <summary>Runs the program and collects its output, whatever its exit code. Cancellation kills it and its children.</summary>
    /// <exception cref="BtxException">The program is not installed; names the Debian package.</exception>
    public async Task<ToolOutput> RunAsync(IEnumerable<string> arguments, ReadOnlyMemory<byte> input = default,
        string? workingDirectory = null, CancellationToken cancellation = default)
    {
        var start = new ProcessStartInfo(Command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
            StandardErrorEncoding = Encoding.UTF8,
            Environment = { ["LC_ALL"] = "C.UTF-8" },
        };
        using var process = Start(start);
        await using var kill = cancellation.Register(() => process.Kill(entireProcessTree: true));
        using var output = new MemoryStream();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var copy = process.StandardOutput.BaseStream.CopyToAsync(output, CancellationToken.None);
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, CancellationToken.None).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading all of its input; its exit code and messages tell why.
        }

        await copy.ConfigureAwait(false);
        var error = await errors.ConfigureAwait(false);
        await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        return new ToolOutput(process.ExitCode, output.ToArray(), error);
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new BtxException($"cannot run {Command}: {e.Message}; install it: apt-get install {DebianPackage}", e);
        }
    }
}

/// <summary>What a program left behind when it ended.</summary>
public sealed record ToolOutput(int ExitCode, byte[] Output, string Errors)
{
    /// <summary>The first line of the errors that looks like the cause.</summary>
    public string Cause
    {
        get
        {
            var lines = Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return lines.FirstOrDefault(l => l.StartsWith("E:", StringComparison.Ordinal))
                ?? lines.FirstOrDefault(l => l.Contains("error", StringComparison.OrdinalIgnoreCase))
                ?? lines.FirstOrDefault($"exit code {ExitCode}");
        }
    }
}
