using Btx.LoadTests;
using Btx.LoadTests.Verbs;

return await new ProgramFrame
{
    Name = "btx loadtest",
    Description = "Load a server, sweep what routing costs, report what it buys.",
    Verbs = [RunVerb.Create(), CeilingVerb.Create(), SweepVerb.Create(), ReportVerb.Create(), CompareVerb.Create(), PlanVerb.Create()],
    IsForTheUser = e => e is LoadTestException,
    Stopped = "stopped; what was measured is kept",
    TerminationTimeout = TimeSpan.FromHours(1),
}.RunAsync(args).ConfigureAwait(false);
