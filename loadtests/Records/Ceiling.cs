namespace Btx.LoadTests.Records;

/// <summary>What the generator itself can do, against a server in its own process that answers at
/// once: above this it would measure itself.</summary>
/// <param name="Door"><c>grpc</c> or <c>http</c>.</param>
/// <param name="ProcessorSecondsPerToken">Of the generator and that server together.</param>
public sealed record Ceiling(string Door, int Concurrency, double RequestsPerSecond, double TokensPerSecond,
    double ProcessorSecondsPerToken);
