namespace TorchSharp.Modules;

/// <summary>A tensor that training changes. Takes over the handle of <c>data</c>, which becomes invalid, and its place in a dispose scope.</summary>
public sealed class Parameter : torch.Tensor
{
    public Parameter(torch.Tensor data, bool requires_grad = true) : base(data.Handle)
    {
        OwningDisposeScope?.Detach(this);
        data.OwningDisposeScope?.Attach(this);
        data.OwningDisposeScope?.Exclude(data);
        data.OwningDisposeScope = null;
        data.Abandon();
        this.requires_grad = requires_grad;
    }
}
