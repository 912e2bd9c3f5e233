using System.Diagnostics;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The program in a process of its own, as its users start it.</summary>
internal static class ServerProgram
{
    public static string Dll { get; } = Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll");

    // Settings of ASP.NET that would end or open the server if it read them.
    private static readonly string s_elsewhere = Elsewhere();

    /// <summary>Its three standard streams are the test's. Only its command line says what it does, not where it was started; what a
    /// script starts in the background is deaf to Ctrl-C, and the tests may be that.</summary>
    public static Process Start(params string[] args) => Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Dll,
        .. args])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        RedirectStandardInput = true,
        WorkingDirectory = s_elsewhere,
        Environment =
        {
            ["ASPNETCORE_URLS"] = "http://nowhere.invalid:1", ["DOTNET_ENVIRONMENT"] = "Development",
            ["BTX_SERVE_SPIN"] = "never", // other tests run on the same cores
        },
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

    private static string Elsewhere()
    {
        var directory = Directory.CreateTempSubdirectory("btx-elsewhere-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        File.WriteAllText(Path.Combine(directory, "appsettings.json"), """
            { "Kestrel": { "Endpoints": { "other": { "Url": "http://nowhere.invalid:1" } } }, "AllowedHosts": "nowhere.invalid",
              "Logging": { "LogLevel": { "Default": "Trace" } } }
            """);
        return directory;
    }
}
