using System.CommandLine;

namespace Btx.Server.Verbs;

/// <summary><c>--server</c>: which running server answers. The load tests have the same flag and read the same variable.</summary>
internal sealed class ServerFlag
{
    public const string Variable = "BTX_SERVER";
    public const string Default = "127.0.0.1:8081";

    public Option<string?> Option { get; } = new("--server")
    {
        Description = $"the running server: its gRPC door, as ADDRESS:PORT or a URL ({Variable}, or else {Default})",
        HelpName = "ADDRESS",
    };

    public bool IsGiven(ParseResult parsed) => parsed.GetValue(Option) is not null;

    /// <returns>What named the address, for messages, and the address.</returns>
    public (string Source, string Address) Read(ParseResult parsed) =>
        Choose(parsed.GetValue(Option), Environment.GetEnvironmentVariable(Variable));

    /// <param name="variable">May name the HTTP door, too, after a comma: for the load tests.</param>
    internal static (string Source, string Address) Choose(string? given, string? variable) =>
        given is not null ? ("--server", given) : variable is { Length: > 0 } ? (Variable, variable.Split(',')[0]) : ("--server", Default);
}
