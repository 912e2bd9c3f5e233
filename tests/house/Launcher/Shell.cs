using System.Diagnostics;

namespace Btx.House.Tests.Launcher;

/// <summary>Runs a command to its end and gives back what a user would see.</summary>
internal static class Shell
{
    public static (int Exit, string Output, string Error) Run(string file, params string[] arguments) => Run(file, arguments, null);

    public static (int Exit, string Output, string Error) Run(string file, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment)
    {
        var start = new ProcessStartInfo(file)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true
        };
        foreach (var a in arguments) start.ArgumentList.Add(a);
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
