namespace Btx.LoadTests.Planning;

/// <summary>Replicas of everything.</summary>
/// <param name="DevicesPerReplica">That the experts are spread over.</param>
/// <param name="Batch">Requests at a time that the plan counts on.</param>
/// <param name="Capacity">Requests a second of a replica that never waits.</param>
/// <param name="Utilisation">Of a replica, with the load spread evenly.</param>
/// <param name="TimeToFirstToken">Seconds, mean.</param>
/// <param name="InterToken">Seconds, mean at that batch, with the prompts of others between the steps.</param>
/// <param name="PromptSeconds">For one request, alone.</param>
public sealed record WholeForest(
    int DevicesPerReplica, int Replicas, int Machines, int Batch, double Capacity, double Utilisation, double TimeToFirstToken,
    double InterToken, double PromptSeconds);
