using System.ComponentModel;
using System.Text;
using CliWrap;

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
        using var output = new MemoryStream();
        var errors = new StringBuilder();
        var command = new Command(Command).WithArguments(arguments).WithWorkingDirectory(workingDirectory ?? "")
            .WithEnvironmentVariables(e => e.Set("LC_ALL", "C.UTF-8")).WithValidation(CommandResultValidation.None)
            .WithStandardInputPipe(PipeSource.FromBytes(input)).WithStandardOutputPipe(PipeTarget.ToStream(output))
            .WithStandardErrorPipe(PipeTarget.ToStringBuilder(errors, Encoding.UTF8));
        try
        {
            var result = await command.ExecuteAsync(cancellation).ConfigureAwait(false);
            return new ToolOutput(result.ExitCode, output.ToArray(), errors.ToString());
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
