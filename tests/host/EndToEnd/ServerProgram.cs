using System.Diagnostics;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The program in a process of its own, as its users start it.</summary>
internal static class ServerProgram
{
    public static string Dll { get; } = Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll");

    /// <summary>Its three standard streams are the test's.</summary>
    public static Process Start(params string[] args) => Process.Start(new ProcessStartInfo("dotnet", [Dll, .. args])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        RedirectStandardInput = true,
    })!;

    /// <summary>To its end.</summary>
    public static Task<(int Code, string Output, string Errors)> Run(params string[] args) => RunWith("", args);

    /// <param name="input">All of its standard input.</param>
    /// <inheritdoc cref="Run"/>
    public static async Task<(int Code, string Output, string Errors)> RunWith(string input, string[] args)
    {
        using var process = Start(args);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await errors);
    }
}
